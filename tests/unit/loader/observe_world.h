#pragma once
// The loader's files as an observer finds them, without a kernel: two endpoints of this node, a pod
// elsewhere, a shape with rules in both directions; and events about them.

#include <arpa/inet.h>

#include "compiler/ir/shape.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/inventory.h"
#include "loader/endpoint/inventory_file.h"
#include "loader/endpoint/state.h"
#include "loader/observe/event.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/loader/sandbox.h"
#include "tests/unit/loader/shapes.h"

namespace policyc::testing {

inline constexpr std::uint32_t kWeb = 257;
inline constexpr std::uint32_t kClient = 258;
inline constexpr std::uint32_t kProbe = 259;
inline constexpr std::uint32_t kPartner = 0x01000001;

inline policy::LabelSet pod_labels(const std::string& space, const std::string& name) {
  policy::LabelSet labels = app(name);
  labels.add({"k8s", "io.kubernetes.pod.namespace", space});
  labels.add({"k8s", "io.cilium.k8s.policy.cluster", "default"});
  return labels;
}

inline ir::Shape observed_shape() {
  const std::string object = "CiliumNetworkPolicy/shop/web";
  ir::EndpointPolicy policy;
  policy.predicates = {selects_app("client"), selects_app("probe")};
  ir::DirectionPolicy& ingress = policy.directions[POLICYC_INGRESS];
  ingress.enforced = ingress.default_deny = true;
  ingress.default_deny_origins = {{object, "", "web.yaml", 4}};
  ir::Rule rule;
  rule.id = 1;
  rule.peers = {0};
  rule.ports = {{6, 80, 80}};
  rule.origin = {object, "spec.ingress[0]", "web.yaml", 7};
  ingress.rules.push_back(rule);
  rule.id = 2;
  rule.verdict = ir::Verdict::Deny;
  rule.precedence = ir::kPrecedenceDeny;
  rule.peers = {1};
  rule.ports = {{}};
  rule.origin = {object, "spec.ingressDeny[0]", "web.yaml", 12};
  ingress.rules.push_back(rule);
  ir::DirectionPolicy& egress = policy.directions[POLICYC_EGRESS];
  egress.enforced = egress.default_deny = true;
  rule = {};
  rule.id = 3;
  rule.any_peer = true;
  rule.ports = {{17, 53, 53}};
  rule.origin = {"CiliumClusterwideNetworkPolicy/dns", "spec.egress[0]", "dns.yaml", 9};
  egress.rules.push_back(rule);
  return ir::make_shape(policy);
}

// A state directory.
class ObservedNode {
 public:
  ObservedNode() : shape_(observed_shape()) {
    endpoint::State state;
    state.instance = 1;
    state.next_endpoint_id = 9;
    const auto add = [&](std::uint16_t id, const std::string& name, std::uint32_t identity,
                         std::vector<IpAddress> addresses) {
      endpoint::EndpointRecord record;
      record.id = id;
      record.interface = name + "0";
      record.interface_index = id + 5U;
      record.addresses = std::move(addresses);
      record.identity = identity;
      record.name = "shop/" + name;
      record.shape = shape_.hash;
      state.endpoints.push_back(record);
    };
    add(7, "web", kWeb, {*parse_ip_address("10.9.1.1"), *parse_ip_address("fd00::1:1")});
    add(8, "client", kClient, {*parse_ip_address("10.9.1.2")});
    policy::LabelSet partner;
    partner.add({"cidr", "203.0.113.0/24", ""});
    partner.add({"reserved", "world", ""});
    state.identities = {{pod_labels("shop", "web"), kWeb, 1, 0},
                        {pod_labels("shop", "client"), kClient, 2, 0},
                        {pod_labels("lab", "probe"), kProbe, 3, 0},
                        {partner, kPartner, 4, 0}};
    state.next_cluster_identity = kProbe + 1;
    state.next_local_identity = kPartner + 1;
    state.slots = {{shape_.hash, 1}};
    must(endpoint::write_state(paths(), state));
    endpoint::Inventory inventory;
    policy::Endpoint probe;
    probe.namespace_ = "lab";
    probe.name = "probe-1";
    probe.addresses = {*parse_ip_address("10.8.0.3")};
    inventory.cluster.endpoints = {probe};
    must(endpoint::write_inventory(paths(), inventory));
    must(endpoint::make_directory(paths().shape_files()));
    must(endpoint::write_file(paths().shape_file(shape_.hash), ir::to_json(shape_)));
  }

  [[nodiscard]] endpoint::Paths paths() const { return {"/nonexistent", folder_.path()}; }
  [[nodiscard]] const ir::Shape& shape() const { return shape_; }

  // As a program writes it: TCP from 10.9.1.2:40000 to web's port 80, let through by rule 1.
  [[nodiscard]] event allowed() const {
    event raw{};
    raw.time_ns = 1'000'000'000;
    raw.type = EVENT_VERDICT;
    raw.direction = POLICYC_INGRESS;
    raw.shape_tag = shape_.tag();
    raw.decision = static_cast<std::uint32_t>(POLICYC_DECISION(POLICY_ALLOW, 1));
    raw.local_identity = kWeb;
    raw.peer_identity = kClient;
    raw.interface_index = 12;
    raw.endpoint_id = 7;
    set_addresses(raw, "10.9.1.2", "10.9.1.1");
    raw.source_port = htons(40000);
    raw.destination_port = htons(80);
    raw.protocol = 6;
    raw.tcp_flags = 0x02;
    raw.length = 60;
    return raw;
  }
  // From the probe, by rule 2.
  [[nodiscard]] event denied() const {
    event raw = allowed();
    raw.type = EVENT_DROP;
    raw.reason = DROP_POLICY_DENY;
    raw.decision = static_cast<std::uint32_t>(POLICYC_DECISION(POLICY_DENY, 2));
    raw.peer_identity = kProbe;
    set_addresses(raw, "10.8.0.3", "10.9.1.1");
    return raw;
  }
  // The answer to allowed(), as web's program sees it leave.
  [[nodiscard]] event reply() const {
    event raw = allowed();
    raw.type = EVENT_TRACE;
    raw.direction = POLICYC_EGRESS;
    raw.connection = CT_REPLY;
    set_addresses(raw, "10.9.1.1", "10.9.1.2");
    raw.source_port = htons(80);
    raw.destination_port = htons(40000);
    raw.tcp_flags = 0x12;
    return raw;
  }
  // UDP over IPv6 from the world.
  [[nodiscard]] event unselected() const {
    event raw = denied();
    raw.reason = DROP_POLICY_DEFAULT_DENY;
    raw.decision = 0;
    raw.peer_identity = IDENTITY_WORLD_IPV6;
    set_addresses(raw, "2001:db8::9", "fd00::1:1");
    raw.protocol = 17;
    raw.tcp_flags = 0;
    return raw;
  }
  // Echo request, let through by audit mode alone.
  [[nodiscard]] event audited() const {
    event raw = denied();
    raw.type = EVENT_VERDICT;
    raw.reason = DROP_POLICY_DEFAULT_DENY;
    raw.audited = 1;
    raw.decision = 0;
    raw.source_port = 0;
    raw.destination_port = htons(8);
    raw.protocol = 1;
    raw.tcp_flags = 0;
    return raw;
  }
  // DNS of web to a partner's address, by rule 3.
  [[nodiscard]] event query() const {
    event raw = allowed();
    raw.direction = POLICYC_EGRESS;
    raw.decision = static_cast<std::uint32_t>(POLICYC_DECISION(POLICY_ALLOW, 3));
    raw.peer_identity = kPartner;
    set_addresses(raw, "10.9.1.1", "203.0.113.5");
    raw.destination_port = htons(53);
    raw.protocol = 17;
    raw.tcp_flags = 0;
    return raw;
  }
  // From web, too short for its headers.
  [[nodiscard]] event truncated() const {
    event raw{};
    raw.time_ns = 1'000'000'000;
    raw.type = EVENT_DROP;
    raw.reason = DROP_TRUNCATED;
    raw.direction = POLICYC_EGRESS;
    raw.local_identity = kWeb;
    raw.interface_index = 12;
    raw.endpoint_id = 7;
    raw.length = 19;
    return raw;
  }

  static void set_addresses(event& raw, const std::string& source, const std::string& destination) {
    const auto from = *parse_ip_address(source);
    const auto to = *parse_ip_address(destination);
    raw.family = from.v6 ? 6 : 4;
    std::copy(from.bytes.begin(), from.bytes.end(), raw.source);
    std::copy(to.bytes.begin(), to.bytes.end(), raw.destination);
  }

 private:
  TemporaryFolder folder_;
  ir::Shape shape_;
};

// With its place in the rings.
inline observe::Event decoded(const event& raw, std::uint32_t cpu = 0, std::uint64_t number = 0) {
  return observe::decode(events::Record{raw, cpu, number}).value();
}

}  // namespace policyc::testing
