#pragma once
// From what is wanted to single writes, in an order in which every prefix of them is a datapath
// that works (docs/services.md). Knows no kernel: it keeps a copy of what the maps hold.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/service/desired.h"
#include "compiler/support/result.h"
#include "loader/service/numbers.h"
#include "loader/service/regions.h"
#include "loader/service/rows.h"
#include "loader/service/snapshot.h"
#include "loader/service/write.h"

namespace policyc::service {

// A frontend that two services ask for: the one that has it keeps it.
struct Conflict {
  FrontendKey frontend;
  std::string owner;
  std::string refused;
  friend bool operator==(const Conflict&, const Conflict&) = default;
};

// A set in the maps, for lists.
struct NamedSet {
  std::uint32_t number = 0;
  std::string service;
  std::string port;
};

// frontend_value.tag without the two lower bits, which say of each policyc_scope whether its set is
// one of this node alone.
inline constexpr std::uint32_t kTagKindBits = 3;
[[nodiscard]] std::uint32_t name_tag(const std::string& name);

class Planner {
 public:
  explicit Planner(const Snapshot& snapshot);

  // Plans that `service` is as wanted, once in a plan. An Error when a map has no room, or when the
  // input breaks its own rules; what was planned so far must be thrown away with the planner then.
  [[nodiscard]] Result<void> upsert(const DesiredService& service);
  // Fine when there is no such service; not in the plan that it was upserted in.
  [[nodiscard]] Result<void> remove(const std::string& name);
  // Everything that is in the maps and that no service asked for so far.
  [[nodiscard]] Result<void> remove_unknown();
  void configure(const service_config_value& config);
  // In a plan of its own: a backend (address, port, protocol) is given this state in each set that
  // has it, whoever asks for them, and in those that will: BACKEND_QUARANTINED or
  // BACKEND_MAINTENANCE, until BACKEND_ACTIVE gives it back the state that is wanted, or until no
  // set has it. One that is wanted in a worse state, or terminates, keeps that. Returns the states
  // that it has then, one for each set; none: there is no such backend.
  [[nodiscard]] Result<std::vector<policyc_backend_state>> set_state(const FrontendKey& backend,
                                                                     policyc_backend_state state);
  // The writes of everything since the last call; the caller carries them out in this order.
  [[nodiscard]] std::vector<Write> finish();

  // What was given back by earlier plans may be used again: no program runs that began before.
  void release();

  [[nodiscard]] std::vector<std::string> names() const;  // sorted
  [[nodiscard]] std::vector<NamedSet> sets() const;      // by number
  [[nodiscard]] std::vector<Conflict> conflicts() const;
  [[nodiscard]] std::vector<BackendWeight> weights() const;  // those that are not 1
  [[nodiscard]] const service_config_value& config() const { return config_; }

 private:
  // The order of the writes of one plan.
  enum Phase : std::size_t {
    kConfigFirst,
    kBackends,       // new ones, and those that become better
    kSlots,          // into holes, behind the count, into new regions
    kRegions,        // first word of a service
    kCounts,         // second word
    kTables,         // Maglev
    kConfigLast,     // a larger Maglev size, when all tables have it
    kBackendsWorse,  // active to terminating and the like, when they are not listed any more
    kAddresses,
    kRanges,
    kFrontends,  // the hash entries
    kFrontendsGone,
    kRangesGone,
    kAddressesGone,
    kSetsGone,
    kTablesGone,
    kBackendsGone,
    kPhases
  };
  struct FrontendInput;

  void put(Phase phase, Write write) { phases_[phase].push_back(std::move(write)); }

  // planner_restore.cpp
  void restore_frontends(const Snapshot& snapshot);
  void restore_sets(const Snapshot& snapshot);

  // planner_sets.cpp
  Result<void> plan_set(SetRow& row, const BackendSet& wanted, bool with_table);
  Result<void> plan_members(SetRow& row, const std::vector<const Backend*>& wanted);
  Result<std::uint32_t> add_backend(const SetRow& row, const Backend& backend,
                                    std::vector<Member>& members);
  Result<void> plan_list(SetRow& row, const std::vector<std::uint32_t>& takers);
  void fill_holes(SetRow& row, std::vector<std::uint32_t>& added);
  void plan_table(SetRow& row, std::vector<MaglevBackend> table);
  Result<void> plan_takers(SetRow& row, bool with_table);
  void drop_backend(const Member& member);
  void drop_set(const SetRow& row);

  // planner_states.cpp
  [[nodiscard]] std::uint8_t set_bits(const SetRow& row, const Backend& backend) const;
  void restore_states();
  void forget_states();
  [[nodiscard]] bool has_maglev_frontend(std::uint32_t set) const;
  template <class Action>
  void each_set(Action action);

  // planner_frontends.cpp
  Result<void> plan_frontend(ServiceRow& service, const DesiredService& wanted,
                             const Frontend& frontend);
  void release_frontend(const FrontendKey& key);
  void plan_ranges(FrontendRow& row, std::vector<IpPrefix> wanted);
  void use_address(FrontendRow& row, const FrontendKey& key, bool own_address);
  void finish_frontends();

  Result<SetRow*> find_or_adopt(ServiceRow& service, const DesiredService& wanted,
                                std::size_t index);
  std::uint32_t adoptable(const ServiceRow& service, const DesiredService& wanted,
                          std::size_t index) const;
  bool continues(std::uint32_t number, const ServiceRow& service, const DesiredService& wanted,
                 std::size_t index) const;
  Result<void> upsert_one(const DesiredService& service);
  void serve_blocked();

  std::unordered_map<std::string, std::unique_ptr<ServiceRow>> services_;
  std::unordered_map<FrontendKey, FrontendRow, FrontendKeyHash> frontends_;
  std::unordered_map<FrontendKey, FrontendRow, FrontendKeyHash> released_;  // by this plan
  std::unordered_map<FrontendKey, AddressRow, FrontendKeyHash> addresses_;  // port 0, protocol 0
  std::vector<FrontendKey> touched_addresses_;
  std::unordered_map<std::uint32_t, SetRow> unknown_sets_;
  std::unordered_map<std::uint32_t, std::vector<Reference>> references_;  // to unknown sets
  std::vector<std::uint32_t> unknown_addresses_;   // numbers in "frontends" without a hash entry
  std::map<std::string, DesiredService> blocked_;  // want a frontend that another service has
  // BACKEND_SET_* of backends; those that were dropped in this plan are looked at in the end.
  std::unordered_map<FrontendKey, std::uint8_t, FrontendKeyHash> set_states_;
  std::vector<FrontendKey> dropped_states_;
  std::vector<std::uint32_t> generations_;  // by backend number
  std::vector<std::uint32_t> marks_;        // by backend number, for plan_list
  std::uint32_t mark_ = 0;
  std::uint64_t stamp_ = 0;
  std::uint64_t plan_ = 1;
  Numbers frontend_numbers_;
  Numbers set_numbers_;
  Numbers backend_numbers_;
  Regions regions_;
  service_config_value config_{};
  std::array<std::vector<Write>, kPhases> phases_;
};

}  // namespace policyc::service
