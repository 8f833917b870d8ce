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
};

// Of an interface of this network namespace (rtnetlink(7), RTM_GETLINK). An Error when there is
// none of that name.
[[nodiscard]] Result<Link> read_link(const std::string& interface);

}  // namespace policyc::endpoint
