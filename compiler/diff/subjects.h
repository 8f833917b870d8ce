#pragma once
// Whose policy may have changed.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/diff/diff.h"
#include "compiler/ir/builder.h"
#include "compiler/policy/address_book.h"

namespace policyc::diff {

// One subject on one side: the entries that apply to it, and its policy.
struct SubjectSide {
  policy::Endpoint endpoint;  // a made-up one for a selector
  policy::Resolved own;       // the entries alone that apply, with their places
  explain::SubjectPolicy policy;
};

struct SubjectPair {
  std::vector<std::string> names;  // endpoints that no policy of either side tells apart
  SubjectSide before, after;
};

// Labels of the endpoints of both sides, which do not depend on the prefixes of policies.
class Books {
 public:
  // The models must outlive it; both sides have the same agent.
  Books(const explain::Model& before, const explain::Model& after);
  Books(const Books&) = delete;
  Books& operator=(const Books&) = delete;

  [[nodiscard]] const policy::AddressBook& before() const { return before_ ? *before_ : after_; }
  [[nodiscard]] const policy::AddressBook& after() const { return after_; }
  // The same endpoints exist, with the same labels.
  [[nodiscard]] bool same_cluster() const { return !before_; }

 private:
  policy::Resolved no_prefixes_;
  policy::AddressBook after_;
  std::optional<policy::AddressBook> before_;
};

// Those that a changed policy selects on either side, or whose own labels changed. `everybody`: all
// of them. Fills Report::only_before and only_after.
[[nodiscard]] std::vector<SubjectPair> affected_subjects(
    const explain::Model& before, const explain::Model& after, const Books& books,
    const std::set<std::string>& changed, bool everybody, const Options& options, Report& report);

}  // namespace policyc::diff
