// loader/service: the order of single writes. Random changes; after each write every reader, also
// one that began before, finds a datapath that works; a process that dies after any write leaves
// one that the next process makes right.

#include <algorithm>
#include <random>

#include <gmock/gmock.h>

#include "loader/service/planner.h"
#include "tests/unit/loader/service_model.h"

namespace policyc::testing {
namespace {

using namespace service;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::uint32_t kFrontends = 48, kServices = 64, kSlots = 512, kBackends = 200;

IpAddress address4(unsigned a, unsigned b) {
  return *parse_ip_address("10." + std::to_string(a) + ".0." + std::to_string(b));
}

class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}
  // 0 to below - 1
  unsigned below(std::size_t below) { return static_cast<unsigned>(random_() % below); }
  bool once_in(unsigned times) { return below(times) == 0; }

 private:
  std::mt19937 random_;
};

// One of few services, with few addresses: so they meet, share frontends, and come back.
DesiredService random_service(Dice& dice, unsigned number) {
  DesiredService service;
  service.name = "ns/s" + std::to_string(number);
  const unsigned ports = 1 + dice.below(2);
  for (unsigned port = 0; port < ports; ++port) {
    const bool split = dice.once_in(3);
    BackendSet all{.port = "p" + std::to_string(port)};
    const unsigned count = dice.once_in(4) ? 0 : dice.below(dice.once_in(5) ? 20 : 5);
    for (unsigned i = 0; i < count; ++i) {
      Backend backend{.address = address4(1 + number, dice.below(30))};
      backend.port = static_cast<std::uint16_t>(8000 + port);
      const unsigned state = dice.below(8);
      backend.state = state == 0   ? BACKEND_TERMINATING
                      : state == 1 ? BACKEND_QUARANTINED
                      : state == 2 ? BACKEND_MAINTENANCE
                                   : BACKEND_ACTIVE;
      backend.serving = dice.once_in(2);
      backend.local = dice.once_in(2);
      backend.weight = dice.below(4);
      const bool twice = std::ranges::any_of(
          all.backends, [&](const Backend& other) { return other.address == backend.address; });
      if (!twice) all.backends.push_back(backend);
    }
    std::optional<std::size_t> external = service.sets.size();
    const std::optional<std::size_t> internal = external;
    BackendSet local = all;
    service.sets.push_back(std::move(all));
    if (split) {
      local.local_only = true;
      std::erase_if(local.backends, [](const Backend& backend) { return !backend.local; });
      external = service.sets.size();
      service.sets.push_back(std::move(local));
    }
    const unsigned frontends = 1 + dice.below(3);
    for (unsigned i = 0; i < frontends; ++i) {
      Frontend frontend{.address = address4(200, dice.below(12))};
      frontend.port = static_cast<std::uint16_t>(80 + port);
      frontend.flags = dice.once_in(2) ? FRONTEND_EXTERNAL_IP : FRONTEND_LOAD_BALANCER;
      if (dice.once_in(3)) frontend.flags |= FRONTEND_MAGLEV;
      frontend.external = external;
      frontend.internal = dice.once_in(6) ? std::nullopt : internal;
      frontend.affinity_seconds = dice.once_in(4) ? 100 : 0;
      if (dice.once_in(3))
        frontend.source_ranges = {
            *parse_ip_prefix("192.0." + std::to_string(dice.below(3)) + ".0/24")};
      frontend.own_address = dice.once_in(2);
      const bool twice = std::ranges::any_of(service.frontends, [&](const Frontend& other) {
        return other.address == frontend.address && other.port == frontend.port;
      });
      if (!twice) service.frontends.push_back(std::move(frontend));
    }
  }
  return service;
}

using Desired = std::map<std::string, DesiredService>;
using SetStates = std::map<FrontendKey, policyc_backend_state>;  // by hand

bool has_backend(const Desired& desired, const FrontendKey& key) {
  return std::ranges::any_of(desired, [&](const auto& entry) {
    return std::ranges::any_of(entry.second.sets, [&](const BackendSet& set) {
      return set.protocol == key.protocol &&
             std::ranges::any_of(set.backends, [&](const Backend& backend) {
               return backend.address == key.address && backend.port == key.port;
             });
    });
  });
}

// What is wanted, with the states that were set by hand.
Desired with_states(Desired desired, const SetStates& states) {
  for (auto& [name, service] : desired) {
    for (BackendSet& set : service.sets) {
      for (Backend& backend : set.backends) {
        const auto found = states.find({backend.address, backend.port, set.protocol});
        if (found != states.end() && backend.state != BACKEND_TERMINATING)
          backend.state = std::max(backend.state, found->second);
      }
    }
  }
  return desired;
}

// All states of the maps since the programs that run now began, and what was wanted in that time.
class History {
 public:
  explicit History(Snapshot maps) : states_{std::move(maps)} {}

  void wanted(const Desired& desired) {
    for (const auto& [name, service] : desired) {
      const auto set_name = [&](std::size_t i) {
        return name + " " + service.sets[i].port + (service.sets[i].local_only ? " local" : "");
      };
      for (std::size_t i = 0; i < service.sets.size(); ++i) {
        const auto names = takers(service, i);
        content_[set_name(i)].insert(names.begin(), names.end());
      }
      for (const Frontend& frontend : service.frontends) {
        const FrontendKey key{frontend.address, frontend.port, frontend.protocol};
        if (frontend.external) sets_[{key, SCOPE_EXTERNAL}].insert(set_name(*frontend.external));
        if (frontend.internal) sets_[{key, SCOPE_INTERNAL}].insert(set_name(*frontend.internal));
      }
    }
  }
  // No program runs any more that began before now.
  void wait() {
    states_.erase(states_.begin(), states_.end() - 1);
    worse_.clear();
  }
  // The same where the maps hold what is wanted, so nothing else may be found from now on.
  void forget() {
    wait();
    sets_.clear();
    content_.clear();
  }

  void write(const Write& write) {
    states_.push_back(states_.back());
    if (const auto* put = std::get_if<PutBackend>(&write)) note_worse(*put);
    std::vector<std::string> broken;
    apply_write(states_.back(), write, broken);
    EXPECT_THAT(broken, IsEmpty());
    for (const auto& [key, value] : now().frontends) {
      if ((value.flags & FRONTEND_SOURCE_RANGES) != 0) {
        EXPECT_TRUE(std::ranges::any_of(
            now().ranges, [&](const auto& range) { return range.frontend == value.frontend; }))
            << key.address.to_string() << " lets nobody in";
      }
      for (const std::uint32_t service : value.service) check_now(key, service);
    }
  }
  // The plan is done: new connections were given a backend that became worse only if they still
  // are.
  void finish() {
    for (const auto& [service, number] : worse_) EXPECT_TRUE(is_listed(service, number)) << number;
    worse_.clear();
  }
  // Programs that began at some point, each step of them at some later one.
  void read(Dice& dice) const {
    const std::size_t last = states_.size() - 1;
    for (int i = 0; i < 50; ++i) {
      std::size_t at[4];
      for (std::size_t& step : at) step = last - dice.below(std::min<std::size_t>(last + 1, 60));
      std::ranges::sort(at);
      const auto& entries = states_[at[0]].frontends;
      if (entries.empty()) continue;
      const auto& [key, value] = entries[dice.below(entries.size())];
      const policyc_scope scope = dice.once_in(2) ? SCOPE_EXTERNAL : SCOPE_INTERNAL;
      if (value.service[scope] == 0) continue;
      const std::uint32_t count = states_[at[1]].services[value.service[scope]].count;
      if (count == 0) continue;
      const std::uint32_t slots =
          states_[at[1] + dice.below(at[2] - at[1] + 1)].services[value.service[scope]].slots;
      const std::uint32_t number = states_[at[2]].slots.at(slots + dice.below(count));
      const backend_value& backend = states_[at[3]].backends.at(number);
      if (backend.state == BACKEND_FREE) continue;  // gone while the program ran: it drops
      const auto sets = sets_.find({key, scope});
      ASSERT_NE(sets, sets_.end());
      EXPECT_TRUE(std::ranges::any_of(
          sets->second,
          [&](const std::string& set) { return content_.at(set).contains(name_of(backend)); }))
          << name_of(backend) << " by way of " << key.address.to_string();
    }
  }

  [[nodiscard]] const Snapshot& now() const { return states_.back(); }

 private:
  [[nodiscard]] bool is_listed(std::uint32_t number, std::uint32_t backend) const {
    const service_value& service = now().services.at(number);
    for (std::uint32_t i = 0; i < service.count; ++i) {
      if (now().slots.at(service.slots + i) == backend) return true;
    }
    return false;
  }
  void note_worse(const PutBackend& put) {
    const backend_value& before = now().backends.at(put.number);
    if (before.state != BACKEND_FREE && put.value.state > before.state &&
        is_listed(before.service, put.number))
      worse_.emplace_back(before.service, put.number);
  }
  // Copies of a backend may be there while slots are filled, free or foreign ones never.
  void check_now(const FrontendKey& key, std::uint32_t number) const {
    const service_value& service = now().services.at(number);
    EXPECT_TRUE(number != 0 || service.count == 0);
    for (std::uint32_t i = 0; i < service.count; ++i) {
      const backend_value& backend = now().backends.at(now().slots.at(service.slots + i));
      EXPECT_NE(backend.state, BACKEND_FREE) << key.address.to_string() << " slot " << i;
      EXPECT_EQ(backend.service, number) << key.address.to_string() << " slot " << i;
    }
  }

  std::vector<Snapshot> states_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> worse_;  // service, backend
  // A program may come by way of any set that the frontend had, and find any of its states.
  std::map<std::pair<FrontendKey, policyc_scope>, std::set<std::string>> sets_;
  std::map<std::string, std::set<BackendName>> content_;
};

// The maps hold what is wanted, and nothing else.
void expect_equal(const Snapshot& maps, const Desired& desired,
                  const std::vector<Conflict>& conflicts) {
  std::set<FrontendKey> keys, own_addresses;
  // A set whose Maglev frontends another service has may have a table or not.
  std::size_t backends = 0, ranges = 0, tables = 0, needed_tables = 0;
  for (const auto& [name, service] : desired) {
    std::set<std::size_t> with_table, needed;
    for (const BackendSet& set : service.sets) backends += set.backends.size();
    for (const Frontend& frontend : service.frontends) {
      if (frontend.external && (frontend.flags & FRONTEND_MAGLEV) != 0 &&
          !takers(service, frontend.external).empty())
        with_table.insert(*frontend.external);
      const FrontendKey key{frontend.address, frontend.port, frontend.protocol};
      const auto refused = std::ranges::find_if(conflicts, [&](const Conflict& conflict) {
        return conflict.refused == name && conflict.frontend == key;
      });
      if (refused != conflicts.end()) {
        EXPECT_TRUE(desired.contains(refused->owner));
        continue;
      }
      EXPECT_TRUE(keys.insert(key).second);
      if (frontend.external && with_table.contains(*frontend.external) &&
          (frontend.flags & FRONTEND_MAGLEV) != 0)
        needed.insert(*frontend.external);
      if (frontend.own_address) own_addresses.insert({frontend.address, 0, 0});
      ranges += frontend.source_ranges.size();
      const frontend_value* value = find_frontend(maps, key);
      ASSERT_NE(value, nullptr);
      EXPECT_EQ(listed(maps, value->service[SCOPE_EXTERNAL]), takers(service, frontend.external));
      EXPECT_EQ(listed(maps, value->service[SCOPE_INTERNAL]), takers(service, frontend.internal));
      EXPECT_EQ(value->service[SCOPE_INTERNAL] != 0, frontend.internal.has_value());
      EXPECT_EQ(value->affinity_seconds, frontend.affinity_seconds);
      EXPECT_EQ(value->flags & ~FRONTEND_SOURCE_RANGES, frontend.flags);
      EXPECT_EQ((value->flags & FRONTEND_SOURCE_RANGES) != 0, !frontend.source_ranges.empty());
      const frontend_address& address = maps.addresses.at(value->frontend);
      EXPECT_EQ(address.family, 4);
      EXPECT_EQ(address.flags, value->flags);
      EXPECT_EQ(address.port, __builtin_bswap16(key.port));
    }
    tables += with_table.size();
    needed_tables += needed.size();
  }
  EXPECT_EQ(maps.frontends.size(), keys.size() + own_addresses.size());
  for (const FrontendKey& key : own_addresses) {
    const frontend_value* value = find_frontend(maps, key);
    ASSERT_NE(value, nullptr);
    EXPECT_EQ(value->frontend, 0U);
  }
  EXPECT_EQ(std::ranges::count_if(maps.addresses, [](const auto& a) { return a.family != 0; }),
            std::ssize(keys));
  EXPECT_EQ(std::ranges::count_if(maps.backends, [](const auto& b) { return b.state != 0; }),
            static_cast<std::ptrdiff_t>(backends));
  EXPECT_THAT(maps.ranges, SizeIs(ranges));
  EXPECT_LE(maps.tables.size(), tables);
  EXPECT_GE(maps.tables.size(), needed_tables);
}

// One of those that are wanted, with luck.
FrontendKey any_backend(Dice& dice, const Desired& desired) {
  std::vector<FrontendKey> keys;
  for (const auto& [name, service] : desired) {
    for (const BackendSet& set : service.sets) {
      for (const Backend& backend : set.backends)
        keys.push_back({backend.address, backend.port, set.protocol});
    }
  }
  return keys.empty() ? FrontendKey{} : keys[dice.below(keys.size())];
}

class PlannerModel : public ::testing::TestWithParam<unsigned> {};

TEST_P(PlannerModel, EveryPrefixOfTheWritesWorks) {
  Dice dice(GetParam());
  History history(empty_maps(kFrontends, kServices, kSlots, kBackends));
  auto planner = std::make_unique<Planner>(history.now());
  Desired desired;
  SetStates states;
  const auto wanted = [&] { return with_states(desired, states); };
  // What is left of a plan whose process died is planned anew, from the maps.
  const auto start_anew = [&] {
    history.wait();
    planner = std::make_unique<Planner>(history.now());
    for (const auto& [name, service] : desired) ASSERT_TRUE(planner->upsert(service));
    ASSERT_TRUE(planner->remove_unknown());
  };
  const auto start_anew_from_maps = [&] {
    history.wait();
    Snapshot snapshot = history.now();
    snapshot.weights = planner->weights();
    planner = std::make_unique<Planner>(snapshot);
  };
  for (int step = 0; step < 200 && !HasFailure(); ++step) {
    if (dice.once_in(6)) {
      history.forget();
      history.wanted(wanted());
      planner->release();
    }
    const unsigned changes = 1 + dice.below(3);
    bool full = false;
    std::set<std::string> changed;
    for (unsigned i = 0; i < changes; ++i) {
      DesiredService service = random_service(dice, dice.below(8));
      if (!changed.insert(service.name).second) continue;
      if (dice.once_in(4)) {
        if (!full) full = !planner->remove(service.name);
        desired.erase(service.name);
      } else {
        // Numbers that were given back are not there again without a wait.
        if (!full) full = !planner->upsert(service);
        desired.insert_or_assign(service.name, std::move(service));
      }
    }
    history.wanted(wanted());
    // Of a backend that is gone in between, another one with its address has none.
    std::erase_if(states, [&](const auto& state) { return !has_backend(desired, state.first); });
    history.wanted(wanted());
    if (full) {
      start_anew();
    }
    std::vector<Write> writes = planner->finish();
    if (!full && dice.once_in(12)) {
      writes.resize(dice.below(writes.size() + 1));
      for (const Write& write : writes) history.write(write);
      history.read(dice);
      start_anew();
      writes = planner->finish();
    }
    for (const Write& write : writes) history.write(write);
    history.finish();
    history.read(dice);
    expect_equal(history.now(), wanted(), planner->conflicts());
    if (!dice.once_in(3)) continue;
    // A state by hand, also by a process that knows nothing but the maps.
    const FrontendKey backend = any_backend(dice, desired);
    if (!has_backend(desired, backend)) continue;
    const auto conflicts = planner->conflicts();
    if (dice.once_in(2)) start_anew_from_maps();
    const policyc_backend_state state = dice.once_in(3)   ? BACKEND_ACTIVE
                                        : dice.once_in(2) ? BACKEND_QUARANTINED
                                                          : BACKEND_MAINTENANCE;
    const auto given = planner->set_state(backend, state);
    ASSERT_TRUE(given.has_value());
    EXPECT_THAT(*given, Not(IsEmpty()));
    states[backend] = state;
    history.wanted(wanted());
    for (const Write& write : planner->finish()) history.write(write);
    history.finish();
    history.read(dice);
    expect_equal(history.now(), wanted(), conflicts);
    start_anew();
    for (const Write& write : planner->finish()) history.write(write);
    expect_equal(history.now(), wanted(), planner->conflicts());
  }
  // Numbers came back.
  EXPECT_TRUE(std::ranges::any_of(history.now().backends,
                                  [](const auto& backend) { return backend.generation > 1; }));
}
// Programs that run may hold what was given back: it is taken again only after release().
TEST(Planner, WhatIsGivenBackWaits) {
  Numbers numbers(2);
  EXPECT_EQ(numbers.take(), 1U);
  numbers.give_back(1);
  EXPECT_EQ(numbers.take(), std::nullopt);
  numbers.release();
  EXPECT_EQ(numbers.take(), 1U);

  Regions regions(4);
  const auto region = regions.take(3);
  EXPECT_EQ(region, (Region{0, 4}));
  regions.give_back(*region);
  EXPECT_FALSE(regions.take(1));
  regions.release();
  EXPECT_EQ(regions.take(1), (Region{0, 1}));
  EXPECT_EQ(regions.take(2), (Region{2, 2}));
}

// The order of writes is one for a single change of each service.
TEST(Planner, AServiceIsPlannedOnceAtATime) {
  Planner planner(empty_maps(kFrontends, kServices, kSlots, kBackends));
  const DesiredService service{.name = "ns/a"};
  ASSERT_TRUE(planner.upsert(service));
  EXPECT_FALSE(planner.upsert(service));
  static_cast<void>(planner.finish());
  EXPECT_TRUE(planner.upsert(service));
}

INSTANTIATE_TEST_SUITE_P(Seeds, PlannerModel, ::testing::Range(0U, 20U));

}  // namespace
}  // namespace policyc::testing
