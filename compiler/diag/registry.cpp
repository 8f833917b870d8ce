#include <algorithm>
#include <array>
#include <cstdio>

#include "compiler/diag/diag.h"
#include "compiler/support/check.h"

namespace policyc::diag {

const std::vector<Registered>& registry() {
  static const std::vector<Registered> sorted_by_number = [] {
    std::vector<Registered> all{
#define POLICYC_DIAGNOSTIC(name, number, severity, flag) \
  {Id::name, number, #name, Severity::severity, flag},
#include "compiler/diag/diagnostics.def"
#undef POLICYC_DIAGNOSTIC
    };
    std::ranges::sort(all, {}, &Registered::number);
    return all;
  }();
  return sorted_by_number;
}

const Registered& registered(Id id) {
  const auto& all = registry();
  const auto found =
      std::ranges::lower_bound(all, static_cast<std::uint16_t>(id), {}, &Registered::number);
  POLICYC_CHECK(found != all.end() && found->id == id);
  return *found;
}

std::string code(Id id) {
  std::array<char, 16> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "PC%04u", static_cast<unsigned>(id));
  return buffer.data();
}

}  // namespace policyc::diag
