#pragma once
// What the programs reported of a flow: the decisions behind an outcome, from the kernel's ring
// buffer.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/demo/traffic.h"
#include "loader/endpoint/paths.h"
#include "loader/maps/node_maps.h"
#include "loader/observe/names.h"
#include "loader/observe/reader.h"

namespace policyc::demo {

struct Decision {
  bool dropped = false;
  std::uint8_t reason = 0;  // policyc_drop_reason
  std::string pod;          // "demo/api": whose policy was asked
  policyc_direction direction = POLICYC_INGRESS;
  observe::Cause cause;
  std::uint16_t source_port = 0;  // of the flow, host order

  friend bool operator==(const Decision& a, const Decision& b) {
    return a.dropped == b.dropped && a.reason == b.reason && a.pod == b.pod &&
           a.direction == b.direction && a.cause.origins == b.cause.origins &&
           a.source_port == b.source_port;
  }
};

class Decisions {
 public:
  // After the first pod was loaded. The only reader of the ring.
  [[nodiscard]] static Result<Decisions> open(const endpoint::Paths& paths);

  // Those of the flow of an exchange (source_port 0: of every port), in order, equal ones once. The
  // programs report before a packet moves on, so nothing has to be waited for.
  [[nodiscard]] Result<std::vector<Decision>> of(const Exchange& exchange,
                                                 std::uint16_t source_port);

 private:
  Decisions(std::unique_ptr<maps::NodeMaps> maps, observe::Reader reader, observe::Names names)
      : maps_(std::move(maps)), reader_(std::move(reader)), names_(std::move(names)) {}

  std::unique_ptr<maps::NodeMaps> maps_;  // the reader needs its ring
  observe::Reader reader_;
  observe::Names names_;
  std::vector<observe::Event> events_;  // all so far: a demo has a few hundred
};

// "CiliumNetworkPolicy/demo/api spec.ingress[0] (demo/api.yaml:12)"
[[nodiscard]] std::string describe(const ir::Origin& origin);

}  // namespace policyc::demo
