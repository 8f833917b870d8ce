#pragma once
// Flows as Hubble prints them (`hubble observe -o jsonpb`, `policyc observe -o jsonpb`): one JSON
// object a line.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/entry.h"
#include "compiler/policy/l7/http_rule.h"
#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"
#include "compiler/support/result.h"

namespace policyc::flows {

// Limit for hostile lines.
inline constexpr std::size_t kMaxLine = 1U << 20U;

enum class Verdict : std::uint8_t {
  Forwarded,
  Traced,  // passed a trace point or was translated: no policy has said anything
  Redirected,
  Audited,  // passed, and reported as a denial
  DeniedByPolicy,
  Other,  // dropped for another reason, an error, a trace without a verdict
};

struct FlowEnd {
  std::string namespace_, pod;
  policy::LabelSet labels;         // of the identity; empty: not known
  std::vector<std::string> names;  // that DNS gave the address for
  std::optional<IpAddress> address;

  // "shop/web-0", the address, or the labels.
  [[nodiscard]] std::string to_string() const;
};

struct FlowRecord {
  Verdict verdict = Verdict::Other;
  std::optional<policy::Direction> direction;  // which end reports it
  bool reply = false;
  // It is known not to be a reply: `is_reply` says so or, where that is missing, a SYN without ACK.
  bool begins = false;
  FlowEnd source, destination;
  policy::Protocol protocol = policy::Protocol::Any;  // Any: not known
  std::uint16_t port = 0;                             // of the destination, host order; ICMP type
  std::optional<policy::l7::HttpRequest> http;        // of a request
  std::optional<std::string> dns_query;
};

// Nothing when the line is empty or another message of an observer (lost events, node status). An
// Error says what is wrong with the line.
[[nodiscard]] Result<std::optional<FlowRecord>> read_flow(std::string_view line);

}  // namespace policyc::flows
