#pragma once
// Policies after sanitize, scoping and resolution: one entry per ingress, ingressDeny, egress or
// egressDeny item (spec section 6.1). The evaluator and the IR both start here, and share nothing
// after it.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/policy/cluster.h"
#include "compiler/policy/model.h"
#include "compiler/policy/options.h"
#include "compiler/policy/selector.h"

namespace policyc::policy {

// IP protocol numbers; Any is 0.
enum class Protocol : std::uint8_t {
  Any = 0,
  Icmp = 1,
  Igmp = 2,
  Tcp = 6,
  Udp = 17,
  IcmpV6 = 58,
  Vrrp = 112,
  Sctp = 132
};

[[nodiscard]] std::string_view protocol_name(Protocol protocol);  // "TCP"; "ANY" for Any
// Upper-case names as flows and policies write them ("ICMPv6" as well); nothing for another word.
[[nodiscard]] std::optional<Protocol> parse_protocol(std::string_view name);

// One port statement. ANY in a toPorts element is already expanded to TCP, UDP and SCTP.
struct PortSpec {
  Protocol protocol = Protocol::Any;
  std::uint16_t port = 0;      // host order; 0: every port. For ICMP the type
  std::uint16_t end_port = 0;  // as written; a range only when greater than `port`
  std::string name;            // a named port; `port` is 0 then
  NodeId node;
};

// Parser kinds and their default redirect priority (spec section 6.3); smaller is stronger.
enum class Parser : std::uint8_t { None, Http, Kafka, Generic, Tls, Dns, Crd };

// "http", "kafka", "tls", "dns", "crd"; empty for None and Generic (which is known by its `l7proto`
// name).
[[nodiscard]] std::string_view parser_name(Parser parser);
// The redirect priority of a parser: 101 for HTTP to 126 for CRD; 0 for None.
[[nodiscard]] std::uint8_t parser_priority(Parser parser);

enum class AuthType : std::uint8_t { Disabled = 0, Spire = 1, AlwaysFail = 2 };

[[nodiscard]] std::string_view auth_name(AuthType type);  // "disabled", "spire", "test-always-fail"

// An Envoy listener of a CiliumEnvoyConfig, which is looked up in the subject's namespace, or of a
// CiliumClusterwideEnvoyConfig (spec section 2.9).
struct ListenerRef {
  std::string config;
  std::string name;
  bool clusterwide = false;
  std::uint8_t priority = 0;  // 0: default
  friend bool operator==(const ListenerRef&, const ListenerRef&) = default;

  // "<namespace>/<config>/<listener>"; the namespace is empty for a clusterwide one.
  [[nodiscard]] std::string qualified(const std::string& subject_namespace) const;
};

struct EntryPorts {
  std::vector<PortSpec> ports;
  Parser parser =
      Parser::None;  // as spec section 6.3 picks it (HTTP/Kafka/generic only take effect on TCP)
  std::string generic_parser;    // the `l7proto` name
  std::optional<L7Rules> rules;  // as written
  std::set<std::string> server_names;
  std::optional<TlsContext> terminating_tls, originating_tls;
  std::optional<ListenerRef> listener;
  bool listener_needs_namespace =
      false;  // kind CiliumEnvoyConfig: an error for a subject without namespace
  NodeId node;
};

// Which object an entry came from: "CiliumNetworkPolicy/ns/name" and the item's place.
struct Origin {
  PolicyKind kind = PolicyKind::CiliumNetworkPolicy;
  std::string namespace_;
  std::string name;
  std::string path;  // "spec.ingress[0]", "specs[1].egressDeny[2]"
  NodeId node;       // the item
  // "CiliumNetworkPolicy/ns/name"; "Kind//name" never appears: an empty namespace gives
  // "Kind/name".
  [[nodiscard]] std::string object() const;
};

enum class L3 : std::uint8_t {
  Nothing,    // a peer list is present and empty (or nothing else was written): selects nobody
  Empty,      // no L3 statement: every peer, provided that there is an L4 part
  Selectors,  // the union of `peers`
};

struct Entry {
  Direction direction = Direction::Ingress;
  bool deny = false;
  bool default_deny = false;
  bool audited = false;  // of a policy in audit mode: reports what it would deny, changes nothing
  Selector subject;
  bool subject_is_node = false;
  std::string policy_namespace;  // empty: cluster-wide
  L3 l3 = L3::Empty;
  std::vector<Selector> peers;
  bool has_l4 = false;  // the L4 part is non-empty (it may still yield no port)
  std::vector<EntryPorts> l4;
  std::optional<AuthType> auth;
  std::string log;
  Origin origin;
};

// Every prefix that some policy or CIDR group mentions, for the IP cache (spec section 5.3).
struct PrefixLabels {
  IpPrefix prefix;
  LabelSet labels;  // what is contributed for exactly this prefix: `cidr:`, `cidrgroup:` labels;
                    // never world
  friend bool operator==(const PrefixLabels&, const PrefixLabels&) = default;
};

struct Resolved {
  std::vector<Entry>
      entries;  // in the order in which Cilium takes them: by kind, namespace and name
  std::vector<PrefixLabels> prefixes;
  std::vector<std::pair<std::string, Selector>>
      fqdn_selectors;  // pattern or name as written -> its selector
};

// Scopes, resolves and flattens sanitised policies (spec sections 4.4, 5, 6.1, 8, 9.1). `sources`
// serves messages only. Policies must have passed sanitize(); known bugs of Cilium that change a
// verdict are reported as warnings (PC05xx).
[[nodiscard]] Resolved resolve(const PolicySet& policies, const Cluster& cluster,
                               const Options& options, diag::Engine& diagnostics);

}  // namespace policyc::policy
