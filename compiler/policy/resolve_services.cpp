// toServices: services to selectors (spec section 9.1).

#include <algorithm>

#include "compiler/policy/resolve_context.h"

namespace policyc::policy {

namespace {

// Keys are looked up in the service's labels without a source. Cilium 1.19.4 takes what precedes
// the first dot for a source, so `app.kubernetes.io/name` looks for `kubernetes.io/name`.
std::string looked_up_key(const std::string& key) {
  const std::size_t dot = key.find('.');
  return dot == std::string::npos ? key : key.substr(dot + 1);
}

bool requirement_holds(const StringMap& labels, const std::string& key, std::string_view op,
                       const std::vector<LocatedString>& values) {
  const auto label = labels.find(looked_up_key(key));
  const bool exists = label != labels.end();
  const bool listed =
      exists && std::any_of(values.begin(), values.end(), [&](const LocatedString& value) {
        return value.value == label->second;
      });
  if (op == "In") {
    return listed;
  }
  if (op == "NotIn") {
    return !listed;
  }
  return exists == (op == "Exists");
}

bool labels_match(const LabelSelector& selector, const StringMap& labels) {
  return std::all_of(selector.match_labels.begin(), selector.match_labels.end(),
                     [&](const MatchLabel& label) {
                       return requirement_holds(labels, label.key.value, "In", {label.value});
                     }) &&
         std::all_of(selector.match_expressions.begin(), selector.match_expressions.end(),
                     [&](const MatchExpression& expression) {
                       return requirement_holds(labels, expression.key.value, expression.op.value,
                                                expression.values);
                     });
}

bool service_matches(const ServiceSelector& selector, const Service& service) {
  if (selector.selector) {
    const std::string& wanted = selector.selector_namespace.value;
    return (wanted.empty() || wanted == service.namespace_) &&
           labels_match(*selector.selector, service.labels);
  }
  if (selector.service) {
    const std::string& wanted = selector.service->namespace_.value;
    return selector.service->name.value == service.name &&
           (wanted.empty() || wanted == service.namespace_);
  }
  return false;
}

void warn_dotted_keys(ResolveContext& context, const LabelSelector& selector) {
  const auto warn = [&](const LocatedString& key) {
    if (key.value.find('.') != std::string::npos) {
      warn_bug(context, diag::Id::ServiceSelectorDottedKey, key.node,
               "`" + key.value + "` in a service selector is looked up as `" +
                   looked_up_key(key.value) + "`",
               "cilium/cilium#46732, fixed in 1.19.6",
               "name the service with `k8sService`, or use a key without a dot");
    }
  };
  for (const MatchLabel& label : selector.match_labels) {
    warn(label.key);
  }
  for (const MatchExpression& expression : selector.match_expressions) {
    warn(expression.key);
  }
}

Selector pods_of(const Service& service, const Options& options) {
  ExtendedSelector selector;
  for (const auto& [key, value] : service.selector) {
    selector.match_labels["k8s." + key] = value;
  }
  selector.match_labels["k8s." + std::string(kPodNamespaceKey)] = service.namespace_;
  scope_cluster(selector, options);
  return to_selector(selector);
}

}  // namespace

std::vector<Selector> resolve_services(ResolveContext& context,
                                       const std::vector<ServiceSelector>& services) {
  std::vector<Selector> selectors;
  for (const ServiceSelector& wanted : services) {
    if (wanted.selector) {
      warn_dotted_keys(context, *wanted.selector);
    }
    for (const Service& service : context.cluster.services) {
      if (!service_matches(wanted, service)) {
        continue;
      }
      if (!service.selector.empty()) {
        selectors.push_back(pods_of(service, context.options));
        continue;
      }
      for (const IpAddress& backend : service.backends) {
        CidrRule rule;
        rule.cidr = LocatedString{host_prefix(backend).to_string(), wanted.node};
        if (auto selector = resolve_cidr_rule(context, rule, false)) {
          selectors.push_back(std::move(*selector));
        }
      }
    }
  }
  return selectors;
}

}  // namespace policyc::policy
