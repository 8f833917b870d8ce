#pragma once
// The words and numbers of Hubble's flow API (api/v1/flow/flow.proto in the Cilium repository) for
// what the programs report. docs/observe.md has the mapping as a table.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace policyc::observe {

// flow.Verdict, by number.
enum class FlowVerdict : std::uint8_t {
  Unknown,
  Forwarded,
  Dropped,
  Error,
  Audit,
  Redirected,
  Traced,
  Translated
};
[[nodiscard]] std::string_view verdict_name(FlowVerdict verdict);  // "FORWARDED"
// Any case; nothing for another word.
[[nodiscard]] std::optional<FlowVerdict> parse_verdict(std::string_view name);

// Flow.policy_match_type: how specific the rule is that decided.
enum class MatchType : std::uint8_t { None, L3Only, L3L4, L4Only, All, L3Protocol, ProtocolOnly };
[[nodiscard]] std::string_view match_type_name(MatchType type);  // "L3-L4"

// flow.DropReason. Number 0, and no name, for what Hubble has no reason for.
struct DropCode {
  std::uint32_t number = 0;
  std::string_view name;  // "POLICY_DENIED"
  std::string_view text;  // "Policy denied"
};
[[nodiscard]] const DropCode& drop_code(std::uint8_t reason);  // policyc_drop_reason
// Of a code that the programs can give, by its name in any case.
[[nodiscard]] std::optional<std::uint32_t> parse_drop_code(std::string_view name);
[[nodiscard]] std::vector<std::string_view> drop_code_names();

// CiliumEventType.type.
inline constexpr int kTypeDrop = 1;
inline constexpr int kTypeTrace = 4;
inline constexpr int kTypePolicyVerdict = 5;

// "world" for 2; empty for a number that is not reserved.
[[nodiscard]] std::string_view reserved_identity_name(std::uint32_t identity);
[[nodiscard]] std::optional<std::uint32_t> parse_reserved_identity(std::string_view name);

// "EchoRequest"; empty for a type without a name.
[[nodiscard]] std::string_view icmp_type_name(bool v6, std::uint8_t type);

// ASCII letters alone.
[[nodiscard]] std::string lower_case(std::string_view text);

}  // namespace policyc::observe
