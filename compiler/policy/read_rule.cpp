// CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy and CiliumCIDRGroup (spec sections 2.1
// to 2.8).

#include "compiler/policy/read_policy.h"

namespace policyc::policy {
namespace {

using manifest::Document;
using manifest::Node;

// The name of an item's field: `Endpoints` is `fromEndpoints` or `toEndpoints`.
std::string peer_field(Direction direction, std::string_view name) {
  return (direction == Direction::Ingress ? "from" : "to") + std::string(name);
}

CidrRule read_cidr_rule(const Node& node, NullReading nulls) {
  CidrRule rule;
  rule.node = node.id;
  rule.cidr = read_optional_string(node, "cidr");
  rule.group_ref = read_optional_string(node, "cidrGroupRef");
  rule.group_selector = read_object(node, "cidrGroupSelector", [nulls](const Node& value) {
    return read_label_selector(value, nulls);
  });
  rule.except = read_strings(node, "except").value_or(std::vector<LocatedString>{});
  return rule;
}

ServiceSelector read_service(const Node& node, NullReading nulls) {
  ServiceSelector service;
  service.node = node.id;
  service.service = read_object(node, "k8sService", [](const Node& value) {
    return ServiceSelector::Reference{read_string(value, "serviceName"),
                                      read_string(value, "namespace")};
  });
  if (const Node* by_label = present(node, "k8sServiceSelector")) {
    service.selector =
        LabelSelector{.match_labels = {}, .match_expressions = {}, .node = by_label->id};
    if (const Node* selector = present(*by_label, "selector"))
      service.selector = read_label_selector(*selector, nulls);
    service.selector_namespace = read_string(*by_label, "namespace");
  }
  return service;
}

IcmpRule read_icmp_rule(const Node& node) {
  IcmpRule rule;
  rule.node = node.id;
  rule.fields = read_list(node, "fields", [](const Node& item) {
    IcmpField field;
    field.node = item.id;
    field.family = read_string(item, "family");
    field.type = read_string(item, "type");
    const Node* type = present(item, "type");
    field.type_is_integer = type != nullptr && !type->is_string();
    return field;
  });
  return rule;
}

RuleItem read_item(const Node& node, Direction direction, bool deny, NullReading nulls) {
  const auto field = [direction](std::string_view name) { return peer_field(direction, name); };
  const auto selector = [nulls](const Node& value) { return read_label_selector(value, nulls); };
  RuleItem item;
  item.direction = direction;
  item.deny = deny;
  item.node = node.id;
  item.endpoints = read_list(node, field("Endpoints"), selector);
  item.requires_ = read_list(node, field("Requires"), selector);
  item.cidrs = read_strings(node, field("CIDR"));
  item.cidr_set = read_list(node, field("CIDRSet"),
                            [nulls](const Node& value) { return read_cidr_rule(value, nulls); });
  item.entities = read_strings(node, field("Entities"));
  item.groups =
      read_list(node, field("Groups"), [](const Node& value) { return GroupPeer{value.id}; });
  item.nodes = read_list(node, field("Nodes"), selector);
  item.ports = read_list(node, "toPorts",
                         [nulls](const Node& value) { return read_port_rule(value, nulls); });
  item.icmps = read_list(node, "icmps", read_icmp_rule);
  if (direction == Direction::Egress) {
    item.services = read_list(node, "toServices",
                              [nulls](const Node& value) { return read_service(value, nulls); });
    if (!deny) item.fqdns = read_list(node, "toFQDNs", read_fqdn);
  }
  if (!deny) {
    item.authentication = read_object(node, "authentication", [](const Node& value) {
      return Authentication{read_string(value, "mode"), value.id};
    });
  }
  item.endpoints_key = key_place(node, field("Endpoints"));
  item.requires_key = key_place(node, field("Requires"));
  item.cidrs_key = key_place(node, field("CIDR"));
  item.cidr_set_key = key_place(node, field("CIDRSet"));
  item.entities_key = key_place(node, field("Entities"));
  item.groups_key = key_place(node, field("Groups"));
  item.nodes_key = key_place(node, field("Nodes"));
  item.services_key = key_place(node, "toServices");
  item.fqdns_key = key_place(node, "toFQDNs");
  item.ports_key = key_place(node, "toPorts");
  item.icmps_key = key_place(node, "icmps");
  return item;
}

// The subject's selector. A file given to the agent reads `endpointSelector: null` as `{}` (spec
// section 4.5).
std::optional<LabelSelector> read_subject(const Node& rule, std::string_view field,
                                          NullReading nulls) {
  const manifest::Member* member = rule.is_mapping() ? rule.find_member(field) : nullptr;
  if (member != nullptr && member->value.is_null() && nulls == NullReading::Empty) {
    return LabelSelector{.match_labels = {}, .match_expressions = {}, .node = member->value.id};
  }
  return read_object(rule, field,
                     [nulls](const Node& value) { return read_label_selector(value, nulls); });
}

// User labels: objects; files may also hold the text `source:key=value`.
RuleLabel read_rule_label(const Node& node) {
  if (!node.is_string())
    return {read_string(node, "key"), read_string(node, "value"), read_string(node, "source")};
  RuleLabel label;
  const auto equals = node.text.find('=');
  const auto colon = node.text.substr(0, equals).find(':');
  const std::size_t key_begin = colon == std::string::npos ? 0 : colon + 1;
  if (colon != std::string::npos) label.source = {node.text.substr(0, colon), node.id};
  label.key = {
      node.text.substr(key_begin, equals == std::string::npos ? equals : equals - key_begin),
      node.id};
  if (equals != std::string::npos) label.value = {node.text.substr(equals + 1), node.id};
  return label;
}

}  // namespace

Rule read_rule(const Node& node, NullReading nulls) {
  const auto items = [&](std::string_view field, Direction direction, bool deny) {
    return read_list(node, field,
                     [&](const Node& item) { return read_item(item, direction, deny, nulls); });
  };
  Rule rule;
  rule.node = node.id;
  rule.endpoint_selector = read_subject(node, "endpointSelector", nulls);
  rule.node_selector = read_subject(node, "nodeSelector", nulls);
  rule.ingress = items("ingress", Direction::Ingress, false);
  rule.ingress_deny = items("ingressDeny", Direction::Ingress, true);
  rule.egress = items("egress", Direction::Egress, false);
  rule.egress_deny = items("egressDeny", Direction::Egress, true);
  if (const Node* default_deny = present(node, "enableDefaultDeny")) {
    rule.default_deny_ingress = read_boolean(*default_deny, "ingress");
    rule.default_deny_egress = read_boolean(*default_deny, "egress");
  }
  rule.labels = read_list(node, "labels", read_rule_label).value_or(std::vector<RuleLabel>{});
  rule.description = read_string(node, "description");
  if (const Node* log = present(node, "log")) rule.log = read_string(*log, "value");
  return rule;
}

CiliumPolicy read_cilium_policy(const Document& document, NullReading nulls) {
  CiliumPolicy policy;
  policy.node = document.root.id;
  policy.name = document.name;
  if (document.kind.value == "CiliumClusterwideNetworkPolicy") {
    policy.kind = PolicyKind::CiliumClusterwideNetworkPolicy;
  } else {
    policy.namespace_ = document.namespace_;
  }
  const auto rule = [nulls](const Node& node) { return read_rule(node, nulls); };
  policy.spec = read_object(document.root, "spec", rule);
  policy.specs = read_list(document.root, "specs", rule);
  return policy;
}

CidrGroup read_cidr_group(const Document& document, NullReading nulls) {
  CidrGroup group;
  group.node = document.root.id;
  group.name = document.name;
  if (const Node* metadata = present(document.root, "metadata"))
    group.labels = read_string_map(*metadata, "labels", nulls);
  if (const Node* spec = present(document.root, "spec")) {
    group.external_cidrs =
        read_strings(*spec, "externalCIDRs").value_or(std::vector<LocatedString>{});
  }
  return group;
}

}  // namespace policyc::policy
