#include "compiler/testlang/suite.h"

namespace policyc::testlang {

std::string_view expected_name(Expected expected) {
  switch (expected) {
    case Expected::Allow:
      return "allow";
    case Expected::Redirect:
      return "redirect";
    case Expected::Authenticate:
      return "authenticate";
    case Expected::Audited:
      return "audited";
    case Expected::Deny:
      break;
  }
  return "deny";
}

}  // namespace policyc::testlang
