#pragma once
// Turns an event's numbers into names: the endpoint, the other side, the rule and the place where
// it is written.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/ir/shape.h"
#include "loader/endpoint/paths.h"
#include "loader/endpoint/state.h"
#include "loader/observe/event.h"
#include "loader/observe/hubble.h"

namespace policyc::observe {

// Which policy text decided.
struct Cause {
  std::optional<std::uint32_t> rule_id;  // nothing for default deny
  std::vector<ir::Origin>
      origins;  // the rule's, or those of every policy that puts the endpoint in default deny
  // How the rule matched; nothing when the rule is not known.
  std::optional<MatchType> match{};
};

// One side of a packet. What is not known is empty or 0.
struct Party {
  std::uint16_t endpoint_id = 0;  // of an endpoint of this node
  std::uint32_t identity = 0;
  std::string namespace_;
  std::string pod;
  std::string interface;  // the host's side, of an endpoint of this node
  policy::LabelSet labels;

  [[nodiscard]] std::string full_name() const;  // "namespace/pod", or what there is of it
};

// Reads the loader's files, and again when an event names what is not known and they have changed:
// loads and unloads go on meanwhile.
class Names {
 public:
  explicit Names(endpoint::Paths paths) : paths_(std::move(paths)) {}

  // "namespace/pod", else the interface's name, else "interface N".
  [[nodiscard]] std::string endpoint(const Event& event);
  // The endpoint whose program reported the packet.
  [[nodiscard]] Party local(const Event& event);
  // The other side, of that address if the packet had one.
  [[nodiscard]] Party peer(const Event& event, const std::optional<IpAddress>& address);
  // Of an identity; empty when it is not known.
  [[nodiscard]] policy::LabelSet labels(std::uint32_t identity);
  // Empty when no policy had a say (a malformed packet), or when the shape is gone.
  [[nodiscard]] Cause cause(const Event& event);

 private:
  // Changes when a file is replaced.
  struct Stamp {
    std::uint64_t inode = 0;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  [[nodiscard]] static Stamp stamp_of(const std::filesystem::path& path);
  void refresh();
  void index_state();
  [[nodiscard]] const endpoint::EndpointRecord* record(const Event& event);
  [[nodiscard]] const ir::Shape* shape(std::uint32_t tag);

  endpoint::Paths paths_;
  std::vector<Stamp> stamps_;
  endpoint::State state_;
  std::unordered_map<std::uint16_t, std::size_t> endpoints_;       // id -> index in state_
  std::unordered_map<std::uint32_t, std::size_t> identities_;      // number -> index in state_
  std::map<IpAddress, std::size_t> local_addresses_;               // -> index of an endpoint
  std::map<IpAddress, std::pair<std::string, std::string>> pods_;  // namespace and name
  std::map<std::uint32_t, ir::Shape> shapes_;                      // by tag
};

}  // namespace policyc::observe
