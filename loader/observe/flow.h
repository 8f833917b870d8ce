#pragma once
// One packet and what happened to it, in Hubble's terms (flow.Flow): what filters ask and formats
// print.

#include <cstdint>
#include <optional>
#include <string>

#include "loader/observe/hubble.h"
#include "loader/observe/names.h"

namespace policyc::observe {

struct Side : Party {
  std::optional<IpAddress> address;
  std::optional<std::uint16_t> port;  // host order; of TCP, UDP and SCTP
};

struct Flow {
  Event event;
  std::uint64_t time_ns = 0;  // since 1970
  std::string node;
  FlowVerdict verdict = FlowVerdict::Unknown;
  Side source;
  Side destination;
  Cause cause;
  std::optional<bool> reply;  // nothing where Hubble does not tell: drops
  // Of the connection for traces, of the packet for all others.
  policyc_direction direction = POLICYC_INGRESS;

  [[nodiscard]] int type() const;  // kTypeDrop, ...
  // Of a drop the reason's number in Hubble; of a trace 0 to-endpoint or 5 from-endpoint; else 0.
  [[nodiscard]] int sub_type() const;
  // "TCP Flags: SYN", "UDP", "ICMPv4 EchoRequest"; empty when the packet did not parse.
  [[nodiscard]] std::string summary() const;
  // "Policy denied", "policy-verdict:L3-L4 INGRESS", "to-endpoint".
  [[nodiscard]] std::string type_text() const;
  // "DROPPED"; of policy verdicts "ALLOWED", "AUDITED".
  [[nodiscard]] std::string_view verdict_text() const;
  // Where the endpoint is that reported it.
  [[nodiscard]] const Side& local() const;
};

// "SYN, ACK" in Hubble's order.
[[nodiscard]] std::string tcp_flags_text(std::uint8_t flags);
inline constexpr std::size_t kTcpFlagCount = 8;
struct TcpFlag {
  std::uint8_t bit;
  std::string_view name;
};
[[nodiscard]] const TcpFlag* tcp_flags();  // kTcpFlagCount, in Hubble's order

class FlowMaker {
 public:
  // `node`: what flows carry as node_name.
  FlowMaker(endpoint::Paths paths, std::string node)
      : names_(std::move(paths)), node_(std::move(node)) {}

  // `clock_offset_ns`: what to add to CLOCK_MONOTONIC to have nanoseconds since 1970.
  [[nodiscard]] Flow make(const Event& event, std::uint64_t clock_offset_ns);

 private:
  Names names_;
  std::string node_;
};

}  // namespace policyc::observe
