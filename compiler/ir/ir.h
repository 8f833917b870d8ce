#pragma once
// The IR: for one endpoint, per direction, rules of (peers, ports, verdict, precedence, origin).
// Peers are symbolic predicates, so the IR does not depend on who exists in the cluster. Text form:
// printer.h.

#include <array>
#include <cstdint>
#include <string>
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

// Low byte of Cilium's precedence (spec section 6.5).
inline constexpr std::uint8_t kPrecedenceDeny = 255;
inline constexpr std::uint8_t kPrecedenceAllow = 1;

// A decision has 23 bits for the rule id (POLICYC_DECISION).
inline constexpr std::uint32_t kMaxRuleId = 0x7fffff;

struct Rule {
  std::uint32_t id = 0;  // from 1 to kMaxRuleId, unique in the endpoint policy
  Verdict verdict = Verdict::Allow;
  std::uint8_t precedence = kPrecedenceAllow;
  bool any_peer = false;
  std::vector<std::uint32_t> peers;  // indices into EndpointPolicy::predicates; OR
  std::vector<matrix::PortRange> ports;
  bool auth_required = false;  // allowed only for an authenticated peer
  std::string parser;          // of a redirect: "http", "dns", ...
  Origin origin;
  friend bool operator==(const Rule&, const Rule&) = default;
};

struct DirectionPolicy {
  bool enforced = false;      // some policy selects the endpoint in this direction
  bool default_deny = false;  // unmatched traffic is dropped
  std::vector<Rule> rules;
  std::vector<Origin> default_deny_origins;
  friend bool operator==(const DirectionPolicy&, const DirectionPolicy&) = default;
};

struct EndpointPolicy {
  std::string subject;
  std::vector<policy::Predicate> predicates;  // unique by serialised text
  std::array<DirectionPolicy, 2> directions;  // 0 ingress, 1 egress
};

[[nodiscard]] std::string_view verdict_name(Verdict verdict);
[[nodiscard]] std::string_view direction_name(std::size_t direction);  // "ingress", "egress"

// "tcp/443", "udp/100-200", "any", "tcp", "icmp/8" (a type).
[[nodiscard]] std::string to_string(const matrix::PortRange& range);

}  // namespace policyc::ir
