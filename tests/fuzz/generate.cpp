#include "tests/fuzz/generate.h"

#include "tests/fuzz/dice.h"
#include "tests/fuzz/generate_policy.h"
#include "tests/fuzz/vocabulary.h"

namespace policyc::fuzz {
namespace {

IpAddress address(const std::string& text) { return *parse_ip_address(text); }

policy::Options random_options(Dice& dice) {
  policy::Options options;
  options.cluster_name = "c1";
  if (dice.one_in(8))
    options.enforcement = dice.one_in(2) ? policy::Enforcement::Always : policy::Enforcement::Never;
  options.allow_localhost = !dice.one_in(4);
  options.ipv6 = !dice.one_in(10);
  options.non_default_deny = !dice.one_in(8);
  options.node_selector_labels = dice.one_in(4);
  options.host_firewall = dice.one_in(4);
  options.extended_ip_protocols = dice.one_in(6);
  options.cidr_match_nodes = dice.one_in(6);
  options.default_local_cluster = !dice.one_in(4);
  return options;
}

policy::Endpoint random_pod(Dice& dice, std::size_t number) {
  policy::Endpoint pod;
  pod.namespace_ = dice.pick(kNamespaces);
  pod.name = "pod" + std::to_string(number);
  pod.labels["app"] = dice.pick(kApps);
  if (dice.one_in(2)) pod.labels["tier"] = dice.pick(kTiers);
  if (dice.one_in(20)) pod.labels[dice.one_in(2) ? "host" : "init"] = "1";
  if (dice.one_in(3)) pod.service_account = "sa1";
  if (dice.one_in(8)) pod.cluster = "c2";
  if (dice.one_in(2))
    pod.ports.push_back({"http", static_cast<std::uint16_t>(dice.one_in(3) ? 8080 : 80), "TCP"});
  if (dice.one_in(3)) pod.ports.push_back({"dns", 53, "UDP"});
  pod.addresses = {address("10.244.0." + std::to_string(number + 1)),
                   address("fd00:10::" + std::to_string(number + 1))};
  return pod;
}

policy::Cluster random_cluster(Dice& dice) {
  policy::Cluster cluster;
  for (const std::string& name : kNamespaces) {
    cluster.namespaces.edit()[name] = {{"kubernetes.io/metadata.name", name},
                                       {"team", dice.one_in(2) ? "x" : "y"}};
  }
  const std::size_t pods = 3 + dice.below(5);
  for (std::size_t i = 0; i < pods; ++i) cluster.endpoints.push_back(random_pod(dice, i));
  if (dice.one_in(3)) {
    policy::Endpoint host;
    host.kind = policy::EndpointKind::Host;
    host.name = "node1";
    host.labels = {{"role", "gw"}};
    host.addresses = {address("172.18.0.2")};
    cluster.endpoints.push_back(host);
  }
  cluster.nodes = {{policy::NodeRole::Host, "node1", {{"role", "gw"}}, {address("172.18.0.2")}},
                   {policy::NodeRole::RemoteNode,
                    "node2",
                    {{"role", "worker"}},
                    {address("172.18.0.3"), address("fd00:18::3")}},
                   {policy::NodeRole::KubeApiServer, "cp", {}, {address("172.18.0.4")}}};
  if (dice.one_in(2)) {
    cluster.nodes.push_back(
        {policy::NodeRole::KubeApiServerExternal, "ext", {}, {address("203.0.113.80")}});
  }
  cluster.services = {
      {"a", "db", {{"svc", "s1"}}, {{"app", "db"}}, {}},
      {"b", "ext", {{"svc", "s2"}}, {}, {address("198.51.100.7"), address("192.0.2.1")}}};
  for (const std::string& name : kNames) {
    if (dice.one_in(2)) cluster.dns.edit()[name] = {address(dice.pick(kAddresses))};
  }
  if (dice.one_in(2)) cluster.listeners.edit().insert("a/config/listener");
  return cluster;
}

scenario::FlowCase random_flow(Dice& dice, const policy::Cluster& cluster) {
  eval::Flow flow;
  flow.subject = dice.pick(cluster.endpoints).full_name();
  flow.direction = dice.one_in(2) ? policy::Direction::Egress : policy::Direction::Ingress;
  switch (dice.below(4)) {
    case 0:
    case 1:
      flow.peer.kind = eval::Peer::Kind::Endpoint;
      flow.peer.name = dice.pick(cluster.endpoints).full_name();
      break;
    case 2:
      flow.peer.kind = eval::Peer::Kind::Entity;
      flow.peer.name = dice.pick(kFlowEntities);
      break;
    default:
      flow.peer.kind = eval::Peer::Kind::Address;
      flow.peer.address = address(dice.pick(kAddresses));
      break;
  }
  using policy::Protocol;
  static const std::vector<Protocol> kProtocols = {Protocol::Tcp,    Protocol::Tcp,  Protocol::Tcp,
                                                   Protocol::Udp,    Protocol::Sctp, Protocol::Icmp,
                                                   Protocol::IcmpV6, Protocol::Vrrp};
  flow.protocol = dice.pick(kProtocols);
  static const std::vector<int> kTypes = {0, 3, 8, 11, 13, 128, 129, 135};
  if (flow.protocol == Protocol::Icmp || flow.protocol == Protocol::IcmpV6) {
    flow.port = static_cast<std::uint16_t>(dice.pick(kTypes));
  } else if (flow.protocol != Protocol::Vrrp) {
    flow.port = static_cast<std::uint16_t>(
        dice.one_in(8) ? dice.below(65536) : static_cast<std::size_t>(dice.pick(kPorts)));
  }
  return {flow, std::nullopt};
}

}  // namespace

scenario::Case generate(std::uint64_t seed, const Size& size) {
  Dice dice(seed);
  scenario::Case result;
  result.id = "seed-" + std::to_string(seed);
  result.options = random_options(dice);
  result.cluster = random_cluster(dice);
  const std::size_t policies = 1 + dice.below(size.policies);
  for (std::size_t i = 0; i < policies; ++i) result.policies.push_back(random_policy(dice, i));
  for (std::size_t i = 0; i < size.flows; ++i)
    result.flows.push_back(random_flow(dice, result.cluster));
  return result;
}

}  // namespace policyc::fuzz
