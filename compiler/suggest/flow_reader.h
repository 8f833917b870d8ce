#pragma once
// What flows that Hubble saw (compiler/flows) say about who may connect to whom.

#include <compare>
#include <cstdint>
#include <iosfwd>
#include <set>
#include <string>
#include <vector>

#include "compiler/policy/entry.h"
#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"

namespace policyc::suggest {

// One end of a connection. A pod has a namespace; what else there is has an entity.
struct Party {
  std::string namespace_;
  std::string pod;           // a pod's name; may be empty
  policy::StringMap labels;  // of the pod
  policy::StringMap namespace_labels;
  std::string service_account;
  std::string cluster;
  std::string entity;           // "world", "host", "remote-node", ...; empty for a pod
  IpAddress address;            // of the world
  std::set<std::string> names;  // of the world, as DNS was asked for them; lower case, no final dot
  friend auto operator<=>(const Party&, const Party&) = default;

  [[nodiscard]] bool is_pod() const { return entity.empty(); }
  // "shop/web-0", "world 192.0.2.1", "host".
  [[nodiscard]] std::string to_string() const;
};

// A connection that was begun and forwarded.
struct SeenFlow {
  Party source, destination;
  policy::Protocol protocol = policy::Protocol::Tcp;
  std::uint16_t port = 0;  // of the destination, host order; of ICMP the type
  friend auto operator<=>(const SeenFlow&, const SeenFlow&) = default;
};

struct BadLine {
  std::size_t line = 0;  // from 1 on
  std::string reason;
};

struct ReadFlows {
  std::set<SeenFlow> flows;  // each once
  std::vector<BadLine> bad;  // the first kMaxBadLines of them
  std::size_t bad_lines = 0;
  std::size_t lines = 0;     // that are not empty
  std::size_t left_out = 0;  // replies, drops, flows without ports or direction, other messages
};

// Limits for hostile input, beside flows::kMaxLine; what is beyond is a bad line.
inline constexpr std::size_t kMaxFlows = 200'000;
inline constexpr std::size_t kMaxBadLines = 20;

// Reads to the end. A flow counts when it was forwarded or redirected and is known to begin a
// connection.
void read_flows(std::istream& in, ReadFlows& result);

}  // namespace policyc::suggest
