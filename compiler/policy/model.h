#pragma once
// The typed policies as written: one struct per field group of spec section 2, every value located.
// Nothing here is validated, scoped or defaulted; `std::optional` tells an absent or null key from
// a present one, because an empty list and an absent one mean different things (spec section 4.5).

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "compiler/source/source.h"

namespace policyc::policy {

using source::Located;
using source::NodeId;
using LocatedString = Located<std::string>;

template <class T>
using OptionalList = std::optional<std::vector<T>>;

// metav1.LabelSelector, as written: keys still carry their source prefix.
struct MatchLabel {
  LocatedString key;
  LocatedString value;
};
struct MatchExpression {
  LocatedString key;
  LocatedString op;
  std::vector<LocatedString> values;
  NodeId node;
};
struct LabelSelector {
  std::vector<MatchLabel> match_labels;
  std::vector<MatchExpression> match_expressions;
  NodeId node;
};

struct CidrRule {
  std::optional<LocatedString> cidr;
  std::optional<LocatedString> group_ref;
  std::optional<LabelSelector> group_selector;
  std::vector<LocatedString> except;
  NodeId node;
};

struct FqdnSelector {
  LocatedString match_name;
  LocatedString match_pattern;
  NodeId node;
};

struct ServiceSelector {
  struct Reference {
    LocatedString name;
    LocatedString namespace_;
  };
  std::optional<Reference> service;
  std::optional<LabelSelector> selector;
  LocatedString selector_namespace;
  NodeId node;
};

// AWS groups; objects that use them are skipped by agents (spec section 1, rule 6).
struct GroupPeer {
  NodeId node;
};

struct PortProtocol {
  LocatedString port;
  std::optional<Located<std::int64_t>> end_port;
  LocatedString protocol;
  NodeId node;
};

struct TlsContext {
  bool has_secret = false;
  LocatedString secret_name;
  LocatedString secret_namespace;
  LocatedString trusted_ca, certificate, private_key;
  NodeId node;
};

struct HeaderMatch {
  LocatedString name;
  LocatedString value;
  LocatedString mismatch;
  bool has_secret = false;
  LocatedString secret_name;
  LocatedString secret_namespace;
  NodeId node;
};

struct HttpRule {
  LocatedString path, method, host;
  std::vector<LocatedString> headers;
  std::vector<HeaderMatch> header_matches;
  NodeId node;
};

struct KafkaRule {
  LocatedString role, api_key, api_version, client_id, topic;
  NodeId node;
};

struct L7Pair {
  LocatedString key;
  LocatedString value;
};
struct GenericL7Rule {
  std::vector<L7Pair> pairs;
  NodeId node;
};

struct L7Rules {
  OptionalList<HttpRule> http;
  OptionalList<KafkaRule> kafka;
  OptionalList<FqdnSelector> dns;
  LocatedString l7proto;
  OptionalList<GenericL7Rule> l7;
  NodeId node;

  [[nodiscard]] std::size_t size() const {
    return (http ? http->size() : 0) + (kafka ? kafka->size() : 0) + (dns ? dns->size() : 0) +
           (l7 ? l7->size() : 0);
  }
};

struct Listener {
  LocatedString envoy_config_kind;
  LocatedString envoy_config_name;
  LocatedString name;
  std::optional<Located<std::int64_t>> priority;
  NodeId node;
};

// toPorts element of allow and deny items; deny items have `ports` only.
struct PortRule {
  OptionalList<PortProtocol> ports;
  std::optional<TlsContext> terminating_tls;
  std::optional<TlsContext> originating_tls;
  OptionalList<LocatedString> server_names;
  std::optional<Listener> listener;
  std::optional<L7Rules> rules;
  NodeId node;
};

struct IcmpField {
  LocatedString family;
  LocatedString type;  // as written: a name, or a number as text
  bool type_is_integer = false;
  NodeId node;
};
struct IcmpRule {
  OptionalList<IcmpField> fields;
  NodeId node;
};

struct Authentication {
  LocatedString mode;
  NodeId node;
};

enum class Direction : std::uint8_t { Ingress, Egress };

// One element of ingress, ingressDeny, egress or egressDeny; the from-/to- prefix is the
// direction's.
struct RuleItem {
  Direction direction = Direction::Ingress;
  bool deny = false;
  OptionalList<LabelSelector> endpoints;
  OptionalList<LabelSelector> requires_;  // removed feature: parsed, without effect
  OptionalList<LocatedString> cidrs;
  OptionalList<CidrRule> cidr_set;
  OptionalList<LocatedString> entities;
  OptionalList<GroupPeer> groups;
  OptionalList<LabelSelector> nodes;
  OptionalList<ServiceSelector> services;  // egress only
  OptionalList<FqdnSelector> fqdns;        // egress allow only
  OptionalList<PortRule> ports;
  OptionalList<IcmpRule> icmps;
  std::optional<Authentication> authentication;
  NodeId node;
  NodeId endpoints_key, requires_key, cidrs_key, cidr_set_key, entities_key, groups_key, nodes_key,
      services_key, fqdns_key, ports_key, icmps_key;
};

struct RuleLabel {
  LocatedString key, value, source;
};

// `spec`, or one element of `specs`.
struct Rule {
  std::optional<LabelSelector> endpoint_selector;
  std::optional<LabelSelector> node_selector;
  OptionalList<RuleItem> ingress, ingress_deny, egress, egress_deny;
  std::optional<Located<bool>> default_deny_ingress, default_deny_egress;
  std::vector<RuleLabel> labels;
  LocatedString description;
  LocatedString log;
  NodeId node;
};

enum class PolicyKind : std::uint8_t {
  CiliumNetworkPolicy,
  CiliumClusterwideNetworkPolicy,
  NetworkPolicy
};

// "true" puts a policy in audit mode, "false" is as if it were absent: what such a policy would
// deny is reported and let through, and it allows nothing (docs/semantics.md). policyc's own.
inline constexpr std::string_view kAuditAnnotation = "policyc.io/audit";

// CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy.
struct CiliumPolicy {
  PolicyKind kind = PolicyKind::CiliumNetworkPolicy;
  LocatedString name;
  LocatedString namespace_;  // empty: cluster-wide
  std::optional<Rule> spec;
  OptionalList<Rule> specs;
  bool audited = false;  // annotation kAuditAnnotation
  NodeId node;
};

// networking.k8s.io/v1 NetworkPolicy (spec section 8).
struct KubernetesPeer {
  std::optional<LabelSelector> pod_selector;
  std::optional<LabelSelector> namespace_selector;
  std::optional<CidrRule> ip_block;
  NodeId node;
};
struct KubernetesPort {
  LocatedString protocol;
  LocatedString port;  // number or name as text; empty when absent
  bool port_is_integer = false;
  std::optional<Located<std::int64_t>> end_port;
  NodeId node;
};
struct KubernetesRule {
  std::vector<KubernetesPeer> peers;
  std::vector<KubernetesPort> ports;
  NodeId node;
};
struct KubernetesPolicy {
  LocatedString name;
  LocatedString namespace_;  // empty means "default"
  LabelSelector pod_selector;
  std::vector<KubernetesRule> ingress, egress;
  OptionalList<LocatedString> policy_types;
  bool audited = false;  // annotation kAuditAnnotation
  NodeId node;
};

struct CidrGroup {
  LocatedString name;
  std::vector<MatchLabel> labels;
  std::vector<LocatedString> external_cidrs;
  NodeId node;
};

// Everything that one run was given. A later document with the same kind, namespace and name
// replaces an earlier one.
struct PolicySet {
  std::vector<CiliumPolicy> cilium;
  std::vector<KubernetesPolicy> kubernetes;
  std::vector<CidrGroup> cidr_groups;
};

}  // namespace policyc::policy
