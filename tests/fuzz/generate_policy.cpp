#include "tests/fuzz/generate_policy.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "tests/fuzz/vocabulary.h"

namespace policyc::fuzz {
namespace {

using Json = nlohmann::ordered_json;

Json label_selector(Dice& dice, bool peer) {
  Json selector = Json::object();
  if (dice.one_in(5)) return selector;
  Json labels = Json::object();
  static const std::vector<std::string> kSources = {"", "", "", "k8s:", "any:"};
  if (!dice.one_in(4)) labels[dice.pick(kSources) + "app"] = dice.pick(kApps);
  if (dice.one_in(4)) labels["tier"] = dice.pick(kTiers);
  if (peer && dice.one_in(4)) labels["k8s:io.kubernetes.pod.namespace"] = dice.pick(kNamespaces);
  if (peer && dice.one_in(8))
    labels["io.cilium.k8s.namespace.labels.team"] = dice.one_in(2) ? "x" : "y";
  if (peer && dice.one_in(10))
    labels["io.cilium.k8s.policy.cluster"] = dice.one_in(2) ? "c1" : "c2";
  if (peer && dice.one_in(15)) labels["reserved:host"] = "";
  if (!labels.empty()) selector["matchLabels"] = labels;
  if (dice.one_in(4)) {
    static const std::vector<std::string> kOperators = {"In", "NotIn", "Exists", "DoesNotExist"};
    static const std::vector<std::string> kKeys = {"app", "tier", "io.kubernetes.pod.namespace",
                                                   "host"};
    Json expression = {{"key", dice.pick(kKeys)}, {"operator", dice.pick(kOperators)}};
    if (expression["operator"] == "In" || expression["operator"] == "NotIn") {
      expression["values"] = {dice.pick(kApps), dice.pick(kNamespaces)};
    }
    selector["matchExpressions"] = Json::array({expression});
  }
  return selector;
}

Json cidr_rule(Dice& dice) {
  Json rule = Json::object();
  switch (dice.below(6)) {
    case 0:
      rule["cidrGroupRef"] = dice.one_in(3) ? "missing" : "group0";
      break;
    case 1:
      rule["cidrGroupSelector"] = {{"matchLabels", {{"env", "prod"}}}};
      break;
    default: {
      const std::string cidr = dice.pick(kPrefixes);
      rule["cidr"] = cidr;
      if (cidr == "10.0.0.0/8" && dice.one_in(2)) rule["except"] = {"10.1.0.0/16"};
      if (cidr == "0.0.0.0/0" && dice.one_in(2)) rule["except"] = {"192.0.2.0/24", "10.0.0.0/8"};
      break;
    }
  }
  return rule;
}

template <class Make>
Json list_of(Dice& dice, Make make) {
  Json list = Json::array();
  if (dice.one_in(15)) return list;
  const std::size_t count = 1 + dice.below(3);
  for (std::size_t i = 0; i < count; ++i) list.push_back(make());
  return list;
}

Json port_protocol(Dice& dice, const std::string& protocol) {
  Json port = Json::object();
  const int number = dice.pick(kPorts);
  port["port"] = dice.one_in(6) ? dice.pick(kPortNames) : std::to_string(number);
  if (dice.one_in(4)) port["endPort"] = dice.pick(kPorts);
  if (!protocol.empty()) port["protocol"] = protocol;
  return port;
}

Json port_rule(Dice& dice, bool deny, bool ingress) {
  Json rule = Json::object();
  static const std::vector<std::string> kProtocols = {"TCP", "TCP", "UDP", "SCTP", "ANY", ""};
  const bool l7 = !deny && dice.one_in(3);
  const std::string protocol = l7 ? "TCP" : dice.pick(kProtocols);
  Json ports = list_of(dice, [&] { return port_protocol(dice, protocol); });
  if (l7) {
    for (Json& port : ports) {
      if (port["port"] == "0") port["port"] = "80";
    }
    if (dice.one_in(3) && !ingress) {
      for (Json& port : ports) port.erase("endPort");
      rule["rules"] = {{"dns", Json::array({{{"matchPattern", "*.x.example"}}})}};
      if (ports.empty()) ports.push_back({{"port", "53"}, {"protocol", "UDP"}});
    } else if (dice.one_in(6)) {
      rule["serverNames"] = {"x.example"};
    } else if (dice.one_in(8) && !ingress) {
      rule["listener"] = {{"envoyConfig", {{"kind", "CiliumEnvoyConfig"}, {"name", "config"}}},
                          {"name", "listener"}};
      if (dice.one_in(2)) rule["listener"]["priority"] = 1 + dice.below(100);
    } else {
      rule["rules"] = {{"http", Json::array({{{"method", "GET"}, {"path", "/v1/.*"}}})}};
    }
  }
  rule["ports"] = ports;
  return rule;
}

Json icmp_rule(Dice& dice) {
  static const std::vector<int> kTypes = {0, 3, 8, 11, 128, 129};
  return {{"fields", list_of(dice, [&] {
             return Json{{"family", dice.one_in(2) ? "IPv4" : "IPv6"}, {"type", dice.pick(kTypes)}};
           })}};
}

Json rule_item(Dice& dice, bool deny, bool ingress) {
  Json item = Json::object();
  const std::string prefix = ingress ? "from" : "to";
  switch (dice.below(deny || ingress ? 7 : 9)) {
    case 0:
    case 1:
      item[prefix + "Endpoints"] = list_of(dice, [&] { return label_selector(dice, true); });
      break;
    case 2:
      item[prefix + "Entities"] = list_of(dice, [&] { return Json(dice.pick(kEntities)); });
      break;
    case 3:
      item[prefix + "CIDR"] = list_of(dice, [&] { return Json(dice.pick(kPrefixes)); });
      break;
    case 4:
      item[prefix + "CIDRSet"] = list_of(dice, [&] { return cidr_rule(dice); });
      break;
    case 5:
      break;  // every peer
    case 6:
      if (dice.one_in(3))
        item[prefix + "Nodes"] = Json::array({{{"matchLabels", {{"role", "worker"}}}}});
      break;
    case 7:
      item["toFQDNs"] = list_of(dice, [&] { return Json{{"matchName", dice.pick(kNames)}}; });
      break;
    default:
      item["toServices"] = Json::array({{{"k8sService",
                                          {{"serviceName", dice.one_in(3)   ? "missing"
                                                           : dice.one_in(2) ? "db"
                                                                            : "ext"},
                                           {"namespace", dice.one_in(2) ? "a" : "b"}}}}});
      break;
  }
  if (!dice.one_in(3)) {
    if (dice.one_in(6)) {
      item["icmps"] = list_of(dice, [&] { return icmp_rule(dice); });
    } else {
      item["toPorts"] = list_of(dice, [&] { return port_rule(dice, deny, ingress); });
    }
  }
  if (!deny && dice.one_in(12))
    item["authentication"] = {{"mode", dice.one_in(2) ? "required" : "disabled"}};
  return item;
}

Json rule(Dice& dice, bool node_subject) {
  Json spec = Json::object();
  if (node_subject) {
    spec["nodeSelector"] =
        dice.one_in(2) ? Json::object()
                       : Json{{"matchLabels", {{"role", dice.one_in(4) ? "worker" : "gw"}}}};
  } else {
    spec["endpointSelector"] = label_selector(dice, false);
  }
  static const std::vector<std::string> kSections = {"ingress", "egress", "ingressDeny",
                                                     "egressDeny"};
  const std::size_t sections = 1 + dice.below(2);
  for (std::size_t i = 0; i < sections; ++i) {
    const std::string section = dice.one_in(3) ? dice.pick(kSections) : kSections[dice.below(2)];
    const bool deny = section.ends_with("Deny");
    const bool ingress = section.starts_with("ingress");
    spec[section] = list_of(dice, [&] { return rule_item(dice, deny, ingress); });
  }
  if (dice.one_in(5))
    spec["enableDefaultDeny"] = {{"ingress", !dice.one_in(2)}, {"egress", !dice.one_in(2)}};
  return spec;
}

Json kubernetes_policy(Dice& dice) {
  Json spec = Json::object();
  spec["podSelector"] =
      dice.one_in(4) ? Json::object() : Json{{"matchLabels", {{"app", dice.pick(kApps)}}}};
  for (const bool ingress : {true, false}) {
    if (dice.one_in(2)) continue;
    Json item = Json::object();
    Json peers = list_of(dice, [&]() -> Json {
      switch (dice.below(4)) {
        case 0:
          return {{"podSelector", {{"matchLabels", {{"app", dice.pick(kApps)}}}}}};
        case 1:
          return {{"namespaceSelector", {{"matchLabels", {{"team", "x"}}}}}};
        case 2:
          return {{"namespaceSelector", Json::object()},
                  {"podSelector", {{"matchLabels", {{"app", dice.pick(kApps)}}}}}};
        default:
          return {{"ipBlock", {{"cidr", dice.pick(kPrefixes)}}}};
      }
    });
    if (!dice.one_in(4)) item[ingress ? "from" : "to"] = peers;
    if (dice.one_in(2)) {
      const int port = std::max(1, dice.pick(kPorts));
      item["ports"] = Json::array({{{"protocol", dice.one_in(3) ? "UDP" : "TCP"}, {"port", port}}});
    }
    spec[ingress ? "ingress" : "egress"] = Json::array({item});
  }
  if (dice.one_in(2))
    spec["policyTypes"] = dice.one_in(2) ? Json{"Ingress"} : Json{"Ingress", "Egress"};
  return spec;
}

}  // namespace

std::string random_policy(Dice& dice, std::size_t number) {
  const std::string name = "p" + std::to_string(number);
  Json document = Json::object();
  switch (dice.below(8)) {
    case 0:
      document = {{"apiVersion", "networking.k8s.io/v1"},
                  {"kind", "NetworkPolicy"},
                  {"metadata", {{"name", name}, {"namespace", dice.pick(kNamespaces)}}},
                  {"spec", kubernetes_policy(dice)}};
      break;
    case 1:
      document = {
          {"apiVersion", "cilium.io/v2"},
          {"kind", "CiliumCIDRGroup"},
          {"metadata",
           {{"name", "group" + std::to_string(dice.below(2))},
            {"labels", {{"env", dice.one_in(2) ? "prod" : "dev"}}}}},
          {"spec", {{"externalCIDRs", list_of(dice, [&] { return Json(dice.pick(kPrefixes)); })}}}};
      break;
    case 2:
    case 3:
      document = {{"apiVersion", "cilium.io/v2"},
                  {"kind", "CiliumClusterwideNetworkPolicy"},
                  {"metadata", {{"name", name}}},
                  {"spec", rule(dice, dice.one_in(3))}};
      break;
    default:
      document = {{"apiVersion", "cilium.io/v2"},
                  {"kind", "CiliumNetworkPolicy"},
                  {"metadata", {{"name", name}, {"namespace", dice.pick(kNamespaces)}}},
                  {"spec", rule(dice, false)}};
      break;
  }
  if (dice.one_in(6))
    document["metadata"]["annotations"] = {{"policyc.io/audit", dice.one_in(5) ? "false" : "true"}};
  return document.dump();
}

}  // namespace policyc::fuzz
