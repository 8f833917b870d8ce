#include "compiler/policy/scope.h"

#include <algorithm>

namespace policyc::policy {

namespace {

std::string k8s_key(std::string_view key) { return "k8s." + std::string(key); }

template <class Test>
bool any_key(const ExtendedSelector& selector, Test test) {
  return std::any_of(selector.match_labels.begin(), selector.match_labels.end(),
                     [&](const auto& item) { return test(std::string_view(item.first)); }) ||
         std::any_of(
             selector.expressions.begin(), selector.expressions.end(),
             [&](const auto& expression) { return test(std::string_view(expression.key)); });
}

ExtendedSelector convert(const LabelSelector& selector, auto convert_key) {
  ExtendedSelector out;
  for (const MatchLabel& label : selector.match_labels) {
    out.match_labels[convert_key(label.key.value)] = label.value.value;
  }
  for (const MatchExpression& expression : selector.match_expressions) {
    ExtendedSelector::Expression converted{
        convert_key(expression.key.value), expression.op.value, {}};
    for (const LocatedString& value : expression.values) {
      converted.values.push_back(value.value);
    }
    out.expressions.push_back(std::move(converted));
  }
  return out;
}

}  // namespace

bool ExtendedSelector::has_key(std::string_view key) const {
  return any_key(*this, [key](std::string_view candidate) {
    return (candidate.starts_with("k8s.") || candidate.starts_with("any.")) &&
           candidate.substr(4) == key;
  });
}

bool ExtendedSelector::has_key_prefix(std::string_view source, std::string_view key_prefix) const {
  const std::string wanted = std::string(source) + "." + std::string(key_prefix);
  return any_key(*this,
                 [&wanted](std::string_view candidate) { return candidate.starts_with(wanted); });
}

std::string extended_key(std::string_view written) {
  std::string source = "any";
  std::string_view key = written;
  const std::size_t colon = written.find(':');
  if (written.starts_with('$')) {
    source = "reserved";
    key.remove_prefix(1);
  } else if (colon != std::string_view::npos) {
    if (colon > 0) {
      source = written.substr(0, colon);
    }
    key.remove_prefix(colon + 1);
  } else if (written.starts_with("reserved.")) {
    source = "reserved";
    key.remove_prefix(std::string_view("reserved.").size());
  }
  return source + "." + std::string(key.substr(0, key.find('=')));
}

ExtendedSelector extend(const LabelSelector& selector) {
  return convert(selector, [](const std::string& key) { return extended_key(key); });
}

ExtendedSelector extend_under(const LabelSelector& selector, std::string_view source,
                              std::string_view key_prefix) {
  return convert(selector, [&](const std::string& key) {
    return std::string(source) + "." + std::string(key_prefix) + key;
  });
}

void scope_peer(ExtendedSelector& selector, const ScopeContext& context, const Options& options) {
  if (selector.has_key_prefix("reserved", "")) {
    return;
  }
  if (!selector.has_key(kPodNamespaceKey)) {
    if (context.policy_namespace.empty()) {
      if (!context.subject_has_reserved_init) {
        selector.expressions.push_back({k8s_key(kPodNamespaceKey), "Exists", {}});
      }
    } else if (!selector.has_key_prefix("k8s", kNamespaceLabelsPrefix) &&
               !selector.has_key_prefix("any", kNamespaceLabelsPrefix)) {
      selector.match_labels[k8s_key(kPodNamespaceKey)] = context.policy_namespace;
    }
  }
  scope_cluster(selector, options);
}

void scope_cluster(ExtendedSelector& selector, const Options& options) {
  if (options.default_local_cluster && !selector.has_key(kClusterKey)) {
    selector.match_labels[k8s_key(kClusterKey)] = options.cluster_name;
  }
}

void scope_subject(ExtendedSelector& selector, const std::string& policy_namespace) {
  if (!policy_namespace.empty()) {
    selector.match_labels[k8s_key(kPodNamespaceKey)] = policy_namespace;
  }
}

void scope_nodes(ExtendedSelector& selector, const Options& options) {
  selector.expressions.push_back({"reserved.remote-node", "Exists", {}});
  scope_cluster(selector, options);
}

}  // namespace policyc::policy
