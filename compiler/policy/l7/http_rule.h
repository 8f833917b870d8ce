#pragma once
// HTTP rules as Envoy applies them (spec section 7.1).

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/policy/model.h"

namespace re2 {
class RE2;
}

namespace policyc::policy::l7 {

struct HttpRequest {
  std::string method;
  std::string path;  // with the query string
  std::string host;  // the :authority, with its port if the client sent one
  std::vector<std::pair<std::string, std::string>> headers;
};

// One HTTP rule, its regular expressions compiled.
class HttpMatcher {
 public:
  explicit HttpMatcher(const HttpRule& rule);

  // All predicates hold. A regular expression that RE2 refuses never matches.
  [[nodiscard]] bool matches(const HttpRequest& request) const;

 private:
  // A header that must be there, with that value unless it is absent.
  struct Header {
    std::string name;
    std::optional<std::string> value;
  };

  std::shared_ptr<const re2::RE2> path_, method_, host_;  // null: no constraint
  std::vector<Header> headers_;
  bool never_ = false;
};

}  // namespace policyc::policy::l7
