#pragma once
// What the maps of services hold, read in one go. Plain values: the planner starts from them, and
// so do tests that have no kernel.

#include <cstdint>
#include <utility>
#include <vector>

#include "loader/service/write.h"
#include "runtime/abi/service.h"

namespace policyc::service {

struct BackendWeight {
  std::uint32_t number = 0;
  std::uint32_t generation = 0;
  std::uint32_t weight = 1;
};

struct Snapshot {
  std::vector<std::pair<FrontendKey, frontend_value>> frontends;  // both families
  std::vector<frontend_address> addresses;                        // by number, all of the array
  std::vector<service_value> services;
  std::vector<std::uint32_t> slots;
  std::vector<backend_value> backends;
  std::vector<source_range_key> ranges;
  std::vector<std::uint32_t> tables;  // services that have a Maglev table
  service_config_value config{};
  // Of backends whose weight is not 1: not in the maps, but what told them to the loader may be.
  std::vector<BackendWeight> weights;
};

}  // namespace policyc::service
