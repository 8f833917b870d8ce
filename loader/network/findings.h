#pragma once
// What in a node's network loses packets or keeps policyc's programs from running, and what helps.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loader/network/links.h"

namespace policyc::network {

enum class Severity : std::uint8_t { Note, Problem };

struct Finding {
  Severity severity = Severity::Note;
  std::string topic;    // "mtu", "forwarding", "reverse-path", "hooks", "cni"
  std::string subject;  // an interface; empty: the node
  std::string message;
  std::string fix;  // a command or what to change; never empty
};

// Bytes that a tunnel adds to the packets it carries, outer IP header included; 0 for what is no
// tunnel. Of kinds as `ip link` names them.
[[nodiscard]] std::uint32_t tunnel_overhead(std::string_view kind, bool underlay_v6);

// What leaves by an uplink and fits: the largest IP packet of a pod that needs no fragments on the
// way, with every tunnel that lies on that uplink.
struct PathMtu {
  std::string from;         // the pod's interface on the host
  std::string by;           // a tunnel or the uplink
  std::uint32_t pod = 0;    // the largest packet that the pod sends
  std::uint32_t fits = 0;   // the largest one that arrives unfragmented
  bool black_hole = false;  // larger ones vanish: nobody tells the sender
  friend bool operator==(const PathMtu&, const PathMtu&) = default;
};
[[nodiscard]] std::vector<PathMtu> path_mtus(const Network& network);

[[nodiscard]] std::vector<Finding> judge(const Network& network);

}  // namespace policyc::network
