// Label selectors: S-rows of spec section 3.1.

#include <array>

#include "compiler/policy/sanitize.h"
#include "compiler/policy/scope.h"
#include "compiler/policy/suggest.h"
#include "compiler/policy/text_format.h"

namespace policyc::policy {
namespace {

using diag::Id;

constexpr std::array<std::string_view, 4> kOperators{"In", "NotIn", "Exists", "DoesNotExist"};

// A refusal of one selector. Cilium reports all of them in one error, whose class is `regex` when
// any is about characters.
struct Finding {
  Id id;
  NodeId node;
  std::string message;
  std::string help;
  bool charset = false;
};

class SelectorCheck {
 public:
  template <class ExtendKey>
  SelectorCheck(const LabelSelector& selector, ExtendKey extend_key) {
    for (const MatchLabel& label : selector.match_labels) {
      check_key(label.key, extend_key(label.key.value));
      check_value(label.value);
    }
    for (const MatchExpression& expression : selector.match_expressions) {
      check_operator(expression);
      check_key(expression.key, extend_key(expression.key.value));
      for (const LocatedString& value : expression.values) check_value(value);
    }
  }

  void report(Refusals& refusals, std::string_view only_class = {}) const {
    std::string_view refusal_class = "selector";
    for (const Finding& finding : findings_) {
      if (finding.charset) refusal_class = "regex";
    }
    if (!only_class.empty()) refusal_class = only_class;
    for (const Finding& finding : findings_) {
      refusals.add(finding.id, finding.node, finding.message, refusal_class).help = finding.help;
    }
  }

 private:
  void check_key(const LocatedString& key, const std::string& extended) {
    const auto error = check_qualified_name(extended);
    if (!error) return;
    std::string message = "label key " + in_backticks(key.value) + " " + error->reason;
    if (!error->charset) {
      message = "label key " + in_backticks(key.value) + ", which becomes " +
                in_backticks(extended) + ", " + error->reason;
    }
    findings_.push_back(
        {Id::InvalidLabelKey, key.node, std::move(message),
         error->charset ? "" : "Cilium puts the source before the key, and counts it",
         error->charset});
  }

  void check_value(const LocatedString& value) {
    if (const auto error = check_label_value(value.value)) {
      findings_.push_back({Id::InvalidLabelValue, value.node,
                           "label value " + in_backticks(value.value) + " " + error->reason, "",
                           error->charset});
    }
  }

  void check_operator(const MatchExpression& expression) {
    const std::string& op = expression.op.value;
    const bool takes_values = op == "In" || op == "NotIn";
    if (!takes_values && op != "Exists" && op != "DoesNotExist") {
      const std::string word = nearest_word(op, kOperators);
      findings_.push_back({Id::InvalidOperator, expression.op.node,
                           in_backticks(op) + " is not a selector operator",
                           word.empty() ? "allowed: `In`, `NotIn`, `Exists` and `DoesNotExist`"
                                        : "did you mean " + in_backticks(word) + "?"});
    } else if (takes_values && expression.values.empty()) {
      findings_.push_back({Id::SelectorValues, expression.node,
                           in_backticks(op) + " without `values`",
                           "give at least one value, or use `Exists` or `DoesNotExist`"});
    } else if (!takes_values && !expression.values.empty()) {
      findings_.push_back({Id::SelectorValues, expression.values.front().node,
                           in_backticks(op) + " with `values`",
                           "remove `values`, or use `In` or `NotIn`"});
    }
  }

  std::vector<Finding> findings_;
};

}  // namespace

void sanitize_selector(const LabelSelector& selector, Sanitizer& sanitizer) {
  SelectorCheck(selector, [](const std::string& key) {
    return extended_key(key);
  }).report(sanitizer.refusals);
}

void sanitize_cidr_group_selector(const LabelSelector& selector, Sanitizer& sanitizer) {
  SelectorCheck(selector, [](const std::string& key) {
    return "cidrgroup." + key;
  }).report(sanitizer.refusals, "cidrgroup-selector");
}

}  // namespace policyc::policy
