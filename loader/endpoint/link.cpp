#include "loader/endpoint/link.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "loader/bpf/fd.h"

namespace policyc::endpoint {

Result<Link> read_link(const std::string& interface) {
  const bpf::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  if (interface.size() >= sizeof request.ifr_name)
    return fail(interface + ": the name is too long");
  const auto ask = [&](unsigned long what) {
    std::ranges::copy(interface, request.ifr_name);
    return ioctl(socket.get(), what, &request) == 0;
  };
  Link link;
  if (!ask(SIOCGIFMTU)) return fail(interface + ": " + std::strerror(errno));
  link.mtu = static_cast<std::uint32_t>(request.ifr_mtu);
  if (!ask(SIOCGIFHWADDR)) return fail(interface + ": " + std::strerror(errno));
  std::memcpy(link.mac.data(), request.ifr_hwaddr.sa_data, link.mac.size());
  return link;
}

}  // namespace policyc::endpoint
