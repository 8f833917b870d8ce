// loader/service with the kernel's maps: what programs find there, and that it outlives the
// process.

#include <algorithm>

#include <gmock/gmock.h>

#include "loader/bpf/bpffs.h"
#include "loader/service/kernel.h"
#include "loader/service/loader.h"
#include "loader/service/maglev.h"
#include "tests/unit/loader/sandbox.h"
#include "tests/unit/loader/service_model.h"

namespace policyc::testing {
namespace {

using namespace service;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr maps::ServiceMapSizes kSmall{.frontends = 64,
                                       .services = 64,
                                       .slots = 256,
                                       .backends = 32,
                                       .affinity = 64,
                                       .source_ranges = 64};

DesiredService web(unsigned backends) {
  DesiredService service{.name = "shop/web"};
  BackendSet set{.port = "http"};
  for (unsigned i = 0; i < backends; ++i) {
    Backend backend{.address = *parse_ip_address("10.0.0." + std::to_string(i + 1))};
    backend.port = 8080;
    set.backends.push_back(backend);
  }
  service.sets.push_back(set);
  set = {.port = "http", .v6 = true};
  set.backends.push_back({.address = *parse_ip_address("fd00::1"), .port = 8080});
  service.sets.push_back(set);
  Frontend frontend{.address = *parse_ip_address("172.20.0.1"), .port = 80};
  frontend.internal = 0;
  frontend.own_address = true;
  service.frontends.push_back(frontend);
  frontend.address = *parse_ip_address("fd00:20::1");
  frontend.internal = 1;
  service.frontends.push_back(frontend);
  frontend.address = *parse_ip_address("192.0.2.1");
  frontend.internal = frontend.external = 0;
  frontend.flags = FRONTEND_LOAD_BALANCER | FRONTEND_MAGLEV;
  frontend.source_ranges = {*parse_ip_prefix("198.51.100.0/24")};
  service.frontends.push_back(frontend);
  return service;
}

class ServiceLoaderTest : public KernelTest {
 protected:
  [[nodiscard]] ServiceLoader open(const maps::ServiceMapSizes& sizes = kSmall) const {
    return must(ServiceLoader::open(paths_.maps(), paths_.state / "services", sizes));
  }
  [[nodiscard]] Snapshot read() const {
    return must(read_snapshot(must(maps::ServiceMaps::open(paths_.maps()))));
  }
  static FrontendKey key(const std::string& address, std::uint16_t port = 80) {
    return {*parse_ip_address(address), port, port == 0 ? std::uint8_t{0} : kTcp};
  }
};

TEST_F(ServiceLoaderTest, ProgramsFindTheBackendsOfAFrontend) {
  auto loader = open();
  must(loader.upsert(web(3)));
  const auto& maps = loader.maps();
  frontend4_key key{};
  const std::uint8_t address[] = {172, 20, 0, 1};
  std::ranges::copy(address, reinterpret_cast<std::uint8_t*>(&key.address));
  key.port = __builtin_bswap16(80);
  key.protocol = kTcp;
  const auto value = must(maps.frontends4.lookup(key));
  ASSERT_TRUE(value);
  EXPECT_EQ(value->service[SCOPE_EXTERNAL], 0U);
  const auto service = must(maps.services.lookup(value->service[SCOPE_INTERNAL]));
  EXPECT_EQ(service->count, 3U);
  const auto slot = must(maps.slots.lookup(service->slots + 2));
  const auto backend = must(maps.backends.lookup(*slot));
  EXPECT_EQ(name_of(*backend), "10.0.0.3 8080/6");
  EXPECT_EQ(backend->state, BACKEND_ACTIVE);
  EXPECT_EQ(backend->service, value->service[SCOPE_INTERNAL]);
  const auto reply = must(maps.frontends.lookup(value->frontend));
  EXPECT_EQ(reply->family, 4);
  EXPECT_EQ(reply->port, key.port);
  key.port = 0;
  key.protocol = 0;
  EXPECT_EQ(must(maps.frontends4.lookup(key))->frontend, 0U);
  EXPECT_EQ(must(maps.config()).maglev_size, kDefaultMaglevSize);
}

TEST_F(ServiceLoaderTest, BothFamiliesAndSourceRanges) {
  auto loader = open();
  must(loader.upsert(web(2)));
  const Snapshot maps = read();
  const frontend_value* six = find_frontend(maps, key("fd00:20::1"));
  ASSERT_NE(six, nullptr);
  EXPECT_EQ(listed(maps, six->service[SCOPE_INTERNAL]), (std::set<BackendName>{"fd00::1 8080/6"}));
  const frontend_value* balancer = find_frontend(maps, key("192.0.2.1"));
  ASSERT_NE(balancer, nullptr);
  EXPECT_TRUE(balancer->flags & FRONTEND_SOURCE_RANGES);
  source_range_key client{.prefix_length = 64, .frontend = balancer->frontend, .address = {}};
  const std::uint8_t inside[] = {198, 51, 100, 7};
  std::ranges::copy(inside, client.address);
  EXPECT_TRUE(must(loader.maps().source_ranges.lookup(client)));
  client.address[0] = 199;
  EXPECT_FALSE(must(loader.maps().source_ranges.lookup(client)));
}

TEST_F(ServiceLoaderTest, BackendsOfThisNodeAreFoundByTheirAddress) {
  using Found = std::vector<std::string>;
  const auto found = [this] {
    const auto maps = must(maps::ServiceMaps::open(paths_.maps()));
    Found names;
    for (const auto& [key, number] : must(maps.local_backends.entries())) {
      const backend_value backend = *must(maps.backends.lookup(number));
      EXPECT_EQ(backend.service, key.service);
      EXPECT_TRUE(std::ranges::equal(backend.address, key.address));
      names.push_back(name_of(backend));
    }
    std::ranges::sort(names);
    return names;
  };
  DesiredService service = web(3);
  service.sets[0].backends[1].local = true;
  service.sets[1].backends[0].local = true;
  const Found both{"10.0.0.2 8080/6", "fd00::1 8080/6"};
  {
    auto loader = open();
    must(loader.upsert(service));
    EXPECT_EQ(found(), both);
  }
  {
    // A process that died before it wrote all of it, and one whose last write was too many.
    const auto maps = must(maps::ServiceMaps::open(paths_.maps()));
    const auto entries = must(maps.local_backends.entries());
    EXPECT_TRUE(must(maps.local_backends.erase(entries.front().first)));
    must(maps.local_backends.update(local_backend_key{.service = 60, .address = {1}}, 5));
  }
  auto loader = open();
  EXPECT_EQ(found(), both);
  service.sets[0].backends.erase(service.sets[0].backends.begin() + 1);
  must(loader.upsert(service));
  EXPECT_EQ(found(), Found{"fd00::1 8080/6"});
  must(loader.remove("shop/web"));
  EXPECT_EQ(found(), Found{});
}

TEST_F(ServiceLoaderTest, AMaglevTableHoldsItsBackendsNumbers) {
  auto loader = open();
  must(loader.upsert(web(2)));
  const Snapshot maps = read();
  const std::uint32_t service = find_frontend(maps, key("192.0.2.1"))->service[SCOPE_EXTERNAL];
  const auto table = must(read_maglev_table(loader.maps(), service));
  EXPECT_EQ(table.size(), kDefaultMaglevSize);
  for (const std::uint32_t number : table) ASSERT_EQ(maps.backends.at(number).service, service);
  DesiredService without = web(2);
  without.frontends.pop_back();
  must(loader.upsert(without));
  EXPECT_THAT(must(read_maglev_table(loader.maps(), service)), IsEmpty());
}

TEST_F(ServiceLoaderTest, TheSameOnceMoreWritesNothing) {
  const std::vector<DesiredService> all = {web(3)};
  EXPECT_GT(must(open().apply(all)).writes, 0U);
  auto loader = open();
  const ChangeReport again = must(loader.apply(all));
  EXPECT_EQ(again.frontends + again.services + again.slots + again.backends, 0U);
  EXPECT_EQ(must(loader.apply(all)).writes, 0U);
}

TEST_F(ServiceLoaderTest, BackendsKeepTheirNumbersInAnotherProcess) {
  must(open().apply(std::vector{web(3)}));
  const Snapshot before = read();
  DesiredService changed = web(4);
  changed.frontends.erase(changed.frontends.begin() + 2);  // the load balancer
  changed.sets[0].backends.erase(changed.sets[0].backends.begin());
  must(open().apply(std::vector{changed}));
  const Snapshot after = read();
  for (std::size_t number = 1; number < after.backends.size(); ++number) {
    const backend_value& was = before.backends[number];
    if (was.state == BACKEND_FREE) continue;
    const bool gone = name_of(was) == "10.0.0.1 8080/6";
    EXPECT_EQ(after.backends[number].state, gone ? BACKEND_FREE : BACKEND_ACTIVE);
    EXPECT_EQ(name_of(after.backends[number]), name_of(was));
  }
  EXPECT_EQ(find_frontend(after, key("192.0.2.1")), nullptr);
  EXPECT_THAT(after.ranges, IsEmpty());
  EXPECT_THAT(after.tables, IsEmpty());
}

TEST_F(ServiceLoaderTest, ServicesThatNobodyAsksForGo) {
  must(open().apply(std::vector{web(3)}));
  must(open().apply({}));
  const Snapshot maps = read();
  EXPECT_THAT(maps.frontends, IsEmpty());
  EXPECT_TRUE(std::ranges::all_of(maps.backends, [](const auto& b) { return b.state == 0; }));
  EXPECT_TRUE(std::ranges::all_of(maps.addresses, [](const auto& a) { return a.family == 0; }));
}

// Each number comes back with the next generation, when all have been used up.
TEST_F(ServiceLoaderTest, NumbersAreUsedAgain) {
  auto loader = open();
  DesiredService service = web(1);
  for (unsigned i = 0; i < 100; ++i) {
    service.sets[0].backends[0].port = static_cast<std::uint16_t>(1000 + i);
    must(loader.upsert(service));
  }
  const Snapshot maps = read();
  const frontend_value* value = find_frontend(maps, key("172.20.0.1"));
  EXPECT_EQ(listed(maps, value->service[SCOPE_INTERNAL]),
            (std::set<BackendName>{"10.0.0.1 1099/6"}));
  EXPECT_TRUE(std::ranges::any_of(maps.backends, [](const auto& b) { return b.generation > 1; }));
}

TEST_F(ServiceLoaderTest, WithoutRoomNothingChanges) {
  auto loader = open();
  must(loader.upsert(web(3)));
  DesiredService large = web(60);
  const auto refused = loader.upsert(large);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("no room for another backend"));
  const Snapshot maps = read();
  const frontend_value* value = find_frontend(maps, key("172.20.0.1"));
  EXPECT_EQ(listed(maps, value->service[SCOPE_INTERNAL])->size(), 3U);
  must(loader.upsert(web(2)));
  EXPECT_EQ(listed(read(), value->service[SCOPE_INTERNAL])->size(), 2U);
  must(loader.remove("shop/web"));
  EXPECT_THAT(read().frontends, IsEmpty());
}

// A process that dies after each single write in turn.
TEST_F(ServiceLoaderTest, TheNextProcessRepairsWhatADeadOneLeft) {
  DesiredService changed = web(4);
  changed.sets[0].backends.erase(changed.sets[0].backends.begin());
  changed.frontends[2].flags = FRONTEND_LOAD_BALANCER;
  changed.frontends[2].source_ranges.clear();
  changed.frontends[1].port = 81;
  for (std::size_t done = 0;; ++done) {
    auto maps = must(maps::ServiceMaps::open_or_create(paths_.maps(), kSmall));
    must(open().apply(std::vector{web(3)}));
    Planner planner(read());
    must(planner.upsert(changed));
    must(planner.remove_unknown());
    const auto writes = planner.finish();
    must(carry_out(maps, std::span(writes).first(std::min(done, writes.size()))));
    must(open().apply(std::vector{changed}));
    const Snapshot after = read();
    EXPECT_EQ(listed(after, find_frontend(after, key("172.20.0.1"))->service[SCOPE_INTERNAL]),
              takers(changed, 0))
        << done;
    EXPECT_EQ(after.frontends.size(), 6U) << done;
    EXPECT_EQ(std::ranges::count_if(after.backends, [](const auto& b) { return b.state != 0; }), 4)
        << done;
    EXPECT_THAT(after.ranges, IsEmpty()) << done;
    EXPECT_THAT(after.tables, IsEmpty()) << done;
    if (done >= writes.size()) break;
  }
}

TEST_F(ServiceLoaderTest, ASecondOwnerWaitsForTheFirst) {
  auto loader = open();
  must(loader.upsert(web(1)));
  DesiredService other = web(2);
  other.name = "shop/other";
  const ChangeReport report = must(loader.upsert(other));
  ASSERT_EQ(report.conflicts.size(), 3U);
  EXPECT_EQ(report.conflicts[0].owner, "shop/web");
  EXPECT_EQ(report.conflicts[0].refused, "shop/other");
  EXPECT_THAT(must(loader.remove("shop/web")).conflicts, IsEmpty());
  const Snapshot maps = read();
  EXPECT_EQ(listed(maps, find_frontend(maps, key("172.20.0.1"))->service[SCOPE_INTERNAL])->size(),
            2U);
}

TEST_F(ServiceLoaderTest, AnotherMaglevSizeRebuildsAllTables) {
  auto loader = open();
  must(loader.upsert(web(2)));
  const Snapshot maps = read();
  const std::uint32_t service = find_frontend(maps, key("192.0.2.1"))->service[SCOPE_EXTERNAL];
  for (const std::uint32_t size : {251U, 32749U}) {
    must(loader.configure({.maglev_size = size}));
    EXPECT_EQ(must(read_maglev_table(loader.maps(), service)).size(), size);
    EXPECT_EQ(must(loader.maps().config()).maglev_size, size);
  }
  EXPECT_FALSE(loader.configure({.maglev_size = 100}));
}

TEST_F(ServiceLoaderTest, UnpinnedMapsAreGone) {
  must(open().apply(std::vector{web(3)}));
  must(maps::ServiceMaps::unpin(paths_.maps()));
  EXPECT_FALSE(maps::ServiceMaps::open(paths_.maps()));
  EXPECT_GT(must(open().apply(std::vector{web(3)})).writes, 0U);
}

}  // namespace
}  // namespace policyc::testing
