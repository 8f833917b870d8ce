#pragma once
// Interfaces, addresses, routes and neighbours of one network namespace (rtnetlink(7), libnl).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/support/ip.h"
#include "loader/cni/error.h"
#include "loader/cni/namespace.h"

struct nl_sock;

namespace policyc::cni {

struct Link {
  int index = 0;
  std::string name;
  std::string mac;  // lower case
  std::uint32_t mtu = 0;
  bool up = false;
  int peer_index = 0;  // of a veth: its other side, in the other side's namespace
  std::string alias{};
};

struct Route {
  IpPrefix destination{};
  std::optional<IpAddress> gateway{};  // none: reached on the link itself
  int interface = 0;
  std::optional<IpAddress> source{};  // preferred
  std::uint32_t mtu = 0;              // 0: the interface's
};

class Netlink {
 public:
  // Of the namespace, or of this thread's.
  [[nodiscard]] static Expected<Netlink> open(const Namespace* where = nullptr);

  // Nothing when there is none.
  [[nodiscard]] Expected<std::optional<Link>> find(const std::string& name);
  [[nodiscard]] Expected<std::optional<Link>> find(int index);
  // Both sides are down; the peer is in `peer_namespace`.
  [[nodiscard]] Expected<void> make_veth(const std::string& name, const std::string& peer,
                                         const Namespace& peer_namespace, std::uint32_t mtu);
  // Whether there was one.
  [[nodiscard]] Expected<bool> remove(const std::string& name);
  [[nodiscard]] Expected<void> set_up(const Link& link);
  [[nodiscard]] Expected<void> set_down(const Link& link);
  // What people and we ourselves know it by (ip-link(8), "alias").
  [[nodiscard]] Expected<void> set_alias(const Link& link, const std::string& alias);
  [[nodiscard]] Expected<std::vector<Link>> links();
  // A /32 or /128, usable at once: no duplicate is looked for.
  [[nodiscard]] Expected<void> add_address(const Link& link, const IpAddress& address);
  [[nodiscard]] Expected<std::vector<IpAddress>> addresses(const Link& link);
  // In place of another one to the same destination.
  [[nodiscard]] Expected<void> set_route(const Route& route);
  [[nodiscard]] Expected<std::vector<Route>> routes(bool v6);
  // Permanent.
  [[nodiscard]] Expected<void> set_neighbour(const Link& link, const IpAddress& address,
                                             const std::string& mac);

 private:
  struct Close {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, Close> socket_;
};

}  // namespace policyc::cni
