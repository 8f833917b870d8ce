#pragma once
// The rows of the table of packets in docs/datapath.md, as packets.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/kernel/flow.h"

namespace policyc::kernel_test {

using Layers = std::vector<Layer>;

enum class Treatment : std::uint8_t {
  Passes,          // whatever the policy says
  Asks,            // every time
  OpensAndPasses,  // asks once
  Drops,           // whatever the policy says
};

struct PacketRow {
  std::string name;
  std::function<Layers(Way)> packet;
  Treatment treatment = Treatment::Passes;
  policyc_drop_reason reason = DROP_NONE;  // of Drops
  int family = 0;                          // 0: both
  std::optional<Hook> hook = {};           // nullopt: both
};

[[nodiscard]] std::vector<PacketRow>
flow_rows();  // ARP, ports, echo, errors, other ICMP and protocols
[[nodiscard]] std::vector<PacketRow> neighbour_rows();
[[nodiscard]] std::vector<PacketRow>
foreign_rows();  // of flow_rows(), from somebody else's address
[[nodiscard]] std::vector<PacketRow> fragment_rows();  // and routing headers

// Packets that a row may need more than one of.
using Draw = std::function<Layers(Way)>;
[[nodiscard]] Draw transport(const Layer& layer);
[[nodiscard]] Draw icmp_type(int v4, int v6, int code = 0);
[[nodiscard]] Draw fragment(int offset, bool more, const Layer& content);

}  // namespace policyc::kernel_test
