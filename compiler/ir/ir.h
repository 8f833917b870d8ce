#pragma once
// The IR: for one endpoint, per direction, rules of (peers, ports, verdict, precedence, origin).
// Peers are symbolic predicates, so the IR does not depend on who exists in the cluster. It goes
// through stages (Stage); docs/ir.md lists what each promises. Text form: printer.h.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/matrix/matrix.h"
#include "compiler/policy/entry.h"
#include "compiler/policy/predicate.h"

namespace policyc::ir {

// Where a rule came from, as text: the IR outlives the run that read the YAML.
struct Origin {
  std::string object;  // "CiliumNetworkPolicy/ns/name"; "agent option allow-localhost"
  std::string path;    // "spec.ingress[0]"
  std::string file;
  std::uint32_t line = 0;
  friend auto operator<=>(const Origin&, const Origin&) = default;

  [[nodiscard]] std::string place() const {
    return file.empty() ? std::string() : file + ":" + std::to_string(line);
  }
};

enum class Verdict : std::uint8_t { Allow, Deny, Redirect };

// Low byte of Cilium's precedence (spec section 6.5). A redirect has 255 less its priority.
inline constexpr std::uint8_t kPrecedenceDeny = 255;
inline constexpr std::uint8_t kPrecedenceAllow = 1;
// An allow that needs authentication stands before a plain one of equal strength: the agent
// inherits the requirement (spec section 6.6), and until peers can authenticate the safe side is to
// drop.
inline constexpr std::uint8_t kPrecedenceAuthenticated = 2;
// Priorities of redirects, 1 the strongest.
inline constexpr std::uint8_t kMaxPriority = 126;

// How far the passes have brought an IR. Each stage keeps the promises of those before it; the
// verifier (verify.h) checks them, and passes name the stages they take and give by type
// (compiler/passes/stage.h).
enum class Stage : std::uint8_t {
  Built,       // entities and port names are symbols, ports as written, the default is a flag
  Normalised,  // rules in the order of their ids, peers and ports sorted, nothing twice
  Selected,    // no entities: peers are predicates
  Numbered,    // no port names
  Ranged,      // ports are intervals, sorted and disjoint for each protocol
  Closed,      // the default allow is a rule
  Ranked,      // every rule has its precedence; the first rule that matches decides
  Classed,     // port classes exist
  Decided,     // each port class has the rules that can decide it
  Compact,     // no two columns are equal
  Formed,      // each direction has its form
};
inline constexpr std::size_t kStageCount = 11;

// How the decision of a direction is compiled.
enum class Form : std::uint8_t {
  Constant,  // the same for every peer and port: reads no map
  Compares,  // one or two compares; a class's row is (bit set of its true predicates << 1) | 1:
             // bit i + 1 is predicates[i]
  Table,   // class -> row number (policy_rows_*) -> row of decision numbers (policy_matrix_*); the
           // loader numbers the rows it meets, from 1 on
  Bitset,  // class -> bits of the rules that name it (policy_matrix_*): no row numbers to run out
           // of, a little slower than a table; only when asked for
};
inline constexpr std::size_t kFormCount = 4;

// A port as a policy states it.
struct PortStatement {
  std::uint8_t protocol = matrix::kAnyProtocol;
  std::uint16_t port = 0;      // host order; 0 with end_port 0: every port. For ICMP the type
  std::uint16_t end_port = 0;  // as written: a range only when greater than the port
  std::string name;            // a port name; `port` is 0 then
  friend auto operator<=>(const PortStatement&, const PortStatement&) = default;
};

// What a port name stands for.
struct NamedPort {
  std::uint8_t protocol = matrix::kAnyProtocol;
  std::string name;
  std::uint16_t number = 0;
  friend auto operator<=>(const NamedPort&, const NamedPort&) = default;
};

// What an entity stands for; the IR carries its own table, so that passes need no agent options.
struct EntityPeers {
  std::string name;
  policy::Predicate peers;
  friend bool operator==(const EntityPeers&, const EntityPeers&) = default;
};

// A decision has 23 bits for the rule id (POLICYC_DECISION).
inline constexpr std::uint32_t kMaxRuleId = 0x7fffff;

struct Rule {
  std::uint32_t id = 0;  // from 1 to kMaxRuleId, unique in the endpoint policy
  Verdict verdict = Verdict::Allow;
  std::uint8_t precedence = kPrecedenceAllow;  // from Stage::Ranked on; 0 before
  bool any_peer = false;
  std::vector<std::uint32_t> peers;  // indices into EndpointPolicy::predicates; OR
  std::vector<matrix::PortRange> ports;
  bool auth_required = false;  // allowed only for an authenticated peer
  std::string parser;          // of a redirect: "http", "dns", ...
  Origin origin;
  std::vector<PortStatement> statements{};  // ports until Stage::Ranged
  std::vector<std::uint32_t> entities{};    // peers until Stage::Selected; EndpointPolicy::entities
  std::uint8_t priority = 0;                // of a redirect, until Stage::Ranked
  matrix::Answer answer = matrix::Answer::Both;  // one of them alone where policies are audited
  friend bool operator==(const Rule&, const Rule&) = default;
};

struct DirectionPolicy {
  bool enforced = false;      // some policy selects the endpoint in this direction
  bool default_deny = false;  // unmatched traffic is dropped
  std::vector<Rule> rules;
  std::vector<Origin> default_deny_origins;
  std::vector<NamedPort> named_ports{};  // until Stage::Numbered; sorted
  // At Stage::Classed alone.
  std::optional<matrix::PortClasses> classes{};
  // From Stage::Decided on, over asked_predicates() by position (direction_matrix.h).
  std::optional<matrix::VerdictMatrix> matrix{};
  std::optional<Form> form{};  // from Stage::Formed on
  friend bool operator==(const DirectionPolicy&, const DirectionPolicy&) = default;
};

struct EndpointPolicy {
  std::string subject;
  std::vector<policy::Predicate> predicates;  // unique by serialised text
  std::array<DirectionPolicy, 2> directions;  // 0 ingress, 1 egress
  Stage stage = Stage::Ranked;                // rules alone, as an object carries them
  std::vector<EntityPeers> entities{};        // until Stage::Selected
  friend bool operator==(const EndpointPolicy&, const EndpointPolicy&) = default;
};

// Whether some rule counts in one answer alone: policies in audit mode select the endpoint.
[[nodiscard]] bool audits(const std::vector<Rule>& rules);

[[nodiscard]] std::string_view verdict_name(Verdict verdict);
[[nodiscard]] std::string_view direction_name(std::size_t direction);  // "ingress", "egress"
[[nodiscard]] std::string_view stage_name(Stage stage);                // "built", "normalised"
[[nodiscard]] std::string_view form_name(Form form);                   // "constant", "compares"
[[nodiscard]] std::optional<Stage> parse_stage(std::string_view name);
[[nodiscard]] std::optional<Form> parse_form(std::string_view name);
// "tcp", "any"; the number of a protocol without a name.
[[nodiscard]] std::string ir_protocol_name(std::uint8_t protocol);
[[nodiscard]] std::optional<std::uint8_t> parse_ir_protocol(std::string_view name);

// "tcp/443", "udp/100-200", "any", "tcp", "icmp/8" (a type).
[[nodiscard]] std::string to_string(const matrix::PortRange& range);

}  // namespace policyc::ir
