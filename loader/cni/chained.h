#pragma once
// The interface that another plugin made.

#include <string>
#include <vector>

#include "loader/cni/netlink.h"
#include "loader/cni/request.h"

namespace policyc::cni {

struct ChainedInterface {
  Link container;
  Link host;
  std::vector<IpAddress> addresses;
};

// The container's interface of CNI_IFNAME, its other side on the host, and the addresses that the
// previous result gives it. A Failure when it is no veth whose other side is on the host, or has no
// address, or more than one of a family.
[[nodiscard]] Expected<ChainedInterface> find_chained(const Environment& environment,
                                                      const AddResult& previous,
                                                      const Namespace& container);

}  // namespace policyc::cni
