#pragma once
// Flows as text, in the formats of `hubble observe -o`, with the rule and its place in addition
// (docs/observe.md).

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/observe/flow.h"
#include "loader/observe/time.h"

namespace policyc::observe {

enum class Format : std::uint8_t { Compact, Json, Dict, Tab };
// "compact", "json" and "jsonpb" (the same), "dict", "tab" and "table".
[[nodiscard]] std::optional<Format> parse_format(std::string_view name);

struct FormatOptions {
  Format format = Format::Compact;
  TimeFormat time = TimeFormat::StampMilli;  // Json has its own
  bool node = false;                         // print the node's name; Json always does
  std::string boot;                          // what makes UUIDs of this boot its own (boot_id())
};

class Formatter {
 public:
  explicit Formatter(FormatOptions options) : options_(std::move(options)) {}

  // Lines with their ends. Flows given together share the widths of Format::Tab, which only grow.
  [[nodiscard]] std::string flows(std::span<const Flow> flows);
  // That so many events were overwritten before they were read: a line of Json, or
  // `TIME EVENTS LOST: PERF_EVENT_RING_BUFFER N`.
  [[nodiscard]] std::string lost(std::uint64_t count, const std::string& node,
                                 std::uint64_t since_1970_ns) const;

 private:
  using Row = std::vector<std::string>;
  [[nodiscard]] Row row(const Flow& flow) const;
  [[nodiscard]] std::string dict(const Flow& flow);
  [[nodiscard]] std::string table(std::span<const Flow> flows);

  FormatOptions options_;
  bool started_ = false;
  std::vector<std::size_t> widths_;
};

// One line without its end:
//   Jan  2 03:04:05.123: shop/client:40000 (ID:300) <> shop/web:80 (ID:257) Policy denied DROPPED
//   (TCP Flags: SYN), by CiliumNetworkPolicy/shop/web at web.yaml:4
[[nodiscard]] std::string compact_line(const Flow& flow, const FormatOptions& options);
// A GetFlowsResponse (api/v1/observer/observer.proto) as protobuf writes it in JSON; one line
// without its end.
[[nodiscard]] std::string json_line(const Flow& flow, std::string_view boot);
[[nodiscard]] std::string lost_json_line(std::uint64_t count, const std::string& node,
                                         std::uint64_t since_1970_ns);

// The same for every reader of the event, and for no other event: a name-based UUID, version 8 of
// RFC 9562.
[[nodiscard]] std::string flow_uuid(const Event& event, std::string_view boot);
// The kernel's name for this boot; empty when it has none.
[[nodiscard]] std::string boot_id();

}  // namespace policyc::observe
