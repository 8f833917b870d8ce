#pragma once
// What the planner knows of each thing in the maps. Private to this folder.

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/service/desired.h"
#include "loader/service/regions.h"
#include "loader/service/write.h"

namespace policyc::service {

struct Member {
  IpAddress address;
  std::uint16_t port = 0;
  std::uint32_t number = 0;
  backend_value value{};
  std::uint32_t weight = 1;  // share of a Maglev table
};

// A set of backends as it is in the maps.
struct SetRow {
  std::string port;
  std::uint8_t protocol = 0;
  bool v6 = false;
  bool local_only = false;
  std::uint32_t number = 0;
  service_value value{};
  Region region;
  std::vector<std::uint32_t> listed;  // slots[region.start ..], value.count of them
  std::vector<Member> members;        // by address and port; also those that are not listed
  bool fresh = false;                 // no frontend in the maps has this number
  bool has_table = false;
  bool table_known = false;          // `table` is what it was built from
  std::vector<MaglevBackend> table;  // by address and port

  [[nodiscard]] bool is(const BackendSet& set) const {
    return protocol == set.protocol && v6 == set.v6 && local_only == set.local_only &&
           port == set.port;
  }
};

// A frontend that names a set, as found in the maps.
struct Reference {
  FrontendKey frontend;
  policyc_scope scope = SCOPE_EXTERNAL;
  std::uint32_t tag = 0;
};

struct ServiceRow {
  std::string name;
  std::uint32_t tag = 0;   // of the name
  std::uint64_t plan = 0;  // that it was last upserted in
  std::vector<SetRow> sets{};
  std::vector<FrontendKey> frontends{};  // those that are its own
};

struct FrontendRow {
  std::uint32_t number = 0;
  frontend_value value{};
  bool is_new = false;             // not in the maps before this plan
  bool address_stale = false;      // its entry in "frontends" is not as `value` says
  std::vector<IpPrefix> ranges{};  // sorted
  ServiceRow* owner = nullptr;     // nobody: found in the maps, not asked for so far
  bool own_address = false;
  std::uint64_t stamp = 0;  // of the last upsert that asked for it
};

// Of a frontend in "frontends".
[[nodiscard]] frontend_address address_value(const FrontendKey& key, std::uint32_t flags);

struct AddressRow {
  std::uint32_t users = 0;  // frontends
  bool present = false;     // in the map
};

}  // namespace policyc::service
