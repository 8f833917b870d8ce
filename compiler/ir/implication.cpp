#include "compiler/ir/implication.h"

#include <algorithm>

namespace policyc::ir {
namespace {

using policy::Operator;
using policy::Requirement;

// `cidr` and `cidrgroup` requirements do not look at one label (policy/selector.h).
bool looks_at_one_label(const Requirement& requirement) {
  return requirement.source != "cidr" && requirement.source != "cidrgroup";
}

bool contains_all(const std::vector<std::string>& all, const std::vector<std::string>& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

bool share_a_value(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&b](const std::string& value) {
    return std::binary_search(b.begin(), b.end(), value);
  });
}

// Both speak of the same key. A key has one label, whatever its source.
bool implies(const Requirement& known, const Requirement& asked) {
  const bool asks_wider_source = asked.source == "any" || asked.source == known.source;
  const bool knows_wider_source = known.source == "any" || asked.source == known.source;
  switch (asked.op) {
    case Operator::Exists:
      return asks_wider_source && (known.op == Operator::Exists || known.op == Operator::In);
    case Operator::In:
      return asks_wider_source && known.op == Operator::In &&
             contains_all(asked.values, known.values);
    case Operator::NotIn:
      if (known.op == Operator::In) return !share_a_value(known.values, asked.values);
      if (known.op == Operator::NotIn)
        return knows_wider_source && contains_all(known.values, asked.values);
      return known.op == Operator::DoesNotExist && knows_wider_source;
    case Operator::DoesNotExist:
      return known.op == Operator::DoesNotExist && knows_wider_source;
  }
  return false;
}

}  // namespace

bool implies(const policy::Selector& special, const policy::Selector& general) {
  return std::all_of(general.requirements.begin(), general.requirements.end(),
                     [&special](const Requirement& asked) {
                       return std::any_of(special.requirements.begin(), special.requirements.end(),
                                          [&asked](const Requirement& known) {
                                            if (known == asked) return true;
                                            return known.key == asked.key &&
                                                   looks_at_one_label(known) &&
                                                   looks_at_one_label(asked) &&
                                                   implies(known, asked);
                                          });
                     });
}

}  // namespace policyc::ir
