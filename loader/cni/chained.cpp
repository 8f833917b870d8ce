#include "loader/cni/chained.h"

namespace policyc::cni {
namespace {

// Whether an address of the result is of the container's interface. Old results do not say.
bool is_of_interface(const AssignedAddress& address, const AddResult& result,
                     const std::string& name) {
  if (!address.interface) return true;
  const Interface& interface = result.interfaces[*address.interface];
  return interface.name == name && !interface.sandbox.empty();
}

}  // namespace

Expected<ChainedInterface> find_chained(const Environment& environment, const AddResult& previous,
                                        const Namespace& container) {
  ChainedInterface result;
  auto inside = Netlink::open(&container);
  if (!inside) return std::unexpected(inside.error());
  auto host = Netlink::open();
  if (!host) return std::unexpected(host.error());
  const auto inner = inside->find(environment.interface);
  if (!inner) return std::unexpected(inner.error());
  if (!*inner)
    return refuse(Code::InvalidConfig,
                  "the plugin before made no interface " + environment.interface);
  result.container = **inner;
  const auto outer = result.container.peer_index == 0 ? Expected<std::optional<Link>>(std::nullopt)
                                                      : host->find(result.container.peer_index);
  if (!outer) return std::unexpected(outer.error());
  if (!*outer || (*outer)->peer_index != result.container.index)
    return refuse(Code::InvalidConfig, "interface " + environment.interface +
                                           " is no veth whose other side is on the host");
  result.host = **outer;
  bool families[2] = {false, false};
  for (const AssignedAddress& address : previous.addresses) {
    if (!is_of_interface(address, previous, environment.interface)) continue;
    if (std::exchange(families[address.address.v6 ? 1 : 0], true))
      return refuse(Code::UnsupportedField, "the plugin before gave two addresses of one family");
    result.addresses.push_back(address.address);
  }
  if (result.addresses.empty())
    return refuse(Code::InvalidConfig, "prevResult has no address of " + environment.interface);
  return result;
}

}  // namespace policyc::cni
