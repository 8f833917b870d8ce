#pragma once
// The host's side of an endpoint's veth.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/support/result.h"

namespace policyc::endpoint {

using MacAddress = std::array<std::uint8_t, 6>;

// "02:00:0a:00:00:01", in either case; nothing for what is not one host's.
[[nodiscard]] std::optional<MacAddress> parse_mac(std::string_view text);
[[nodiscard]] std::string mac_text(const MacAddress& mac);

struct Link {
  std::uint32_t mtu = 0;  // bytes of an IP packet
  MacAddress mac{};
  // Its other end is in another network namespace, where bpf_redirect_peer can put packets: veth
  // and netkit. What is handed to any other interface that way is lost.
  bool leads_elsewhere = false;
  // A queue of its own, or filters on what comes in that are older than clsact: what tc(8) or the
  // CNI plugin "bandwidth" makes for a rate. It must not be gone around.
  bool queued = false;
};

// Whether a queueing discipline of that kind lets everything pass at once: the kernel's for virtual
// interfaces and for those that are down, and the one that only holds filters.
[[nodiscard]] bool is_no_queue(std::string_view kind);

// Of an interface of this network namespace (rtnetlink(7), RTM_GETLINK and RTM_GETQDISC). An Error
// when there is none of that name.
[[nodiscard]] Result<Link> read_link(const std::string& interface);

}  // namespace policyc::endpoint
