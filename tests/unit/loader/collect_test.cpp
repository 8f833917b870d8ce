// loader/conntrack against the datapath in the kernel: what a pass removes, and what it must not.

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <linux/bpf.h>

#include "loader/bpf/bpffs.h"
#include "loader/conntrack/collector.h"
#include "loader/maps/counters.h"
#include "tests/unit/loader/conntrack_node.h"

namespace policyc::testing {
namespace {

using conntrack::Collector;
using conntrack::PassReport;

class CollectTest : public ConntrackTest {
 protected:
  [[nodiscard]] PassReport pass() const { return must(must(Collector::open(paths_)).pass()); }
  [[nodiscard]] ct_pressure_value pressure() const { return *must(maps_->ct_pressure.lookup(0)); }

  // `count` entries from port 1 on that expire so many ticks from now.
  template <class Key>
  void put(std::uint16_t first, std::uint16_t count, std::int64_t ticks) {
    for (std::uint16_t i = 0; i < count; ++i)
      must(table<Key>().update(key<Key>(first + i), value(ticks)));
  }
  template <class Key>
  [[nodiscard]] bool has(std::uint16_t port) const {
    return must(table<Key>().lookup(key<Key>(port))).has_value();
  }
  // Sets when every entry of a table expires, `ticks` from now.
  template <class Key>
  void age(const bpf::Map<Key, ct_value>& table, std::int64_t ticks) {
    for (auto [key, entry] : must(table.entries())) {
      entry.expires = value(ticks).expires;
      must(table.update(key, entry));
    }
  }
};

TEST_F(CollectTest, OnlyWhatHasBeenExpiredForASecondIsRemoved) {
  make_node(1024);
  put<ct4_key>(100, 3, -seconds(2));
  put<ct4_key>(200, 5, seconds(60));
  put<ct6_key>(100, 7, -seconds(3000));
  put<ct6_key>(200, 2, seconds(60));
  const PassReport report = pass();
  EXPECT_EQ(report.tables[0].name, "conntrack4");
  EXPECT_EQ(report.tables[0].capacity, 1024U);
  EXPECT_EQ(report.tables[0].scanned, 8U);
  EXPECT_EQ(report.tables[0].live, 5U);
  EXPECT_EQ(report.tables[0].expired, 3U);
  EXPECT_EQ(report.tables[0].removed, 3U);
  EXPECT_EQ(report.tables[1].removed, 7U);
  EXPECT_DOUBLE_EQ(report.fill(), 5.0 / 1024);
  EXPECT_DOUBLE_EQ(report.removed_share(), 10.0 / 17);
  EXPECT_FALSE(has<ct4_key>(101));
  EXPECT_TRUE(has<ct4_key>(204));
  EXPECT_FALSE(has<ct6_key>(106));
  EXPECT_TRUE(has<ct6_key>(201));
  EXPECT_EQ(pass().removed_share(), 0);
}

TEST_F(CollectTest, ProgramSparesWhatExpiredWithinTheGrace) {
  make_node(1024);
  const auto grace = static_cast<std::uint32_t>(seconds(3600));
  put<ct4_key>(1, 1, -seconds(1800));
  put<ct4_key>(2, 1, -seconds(2 * 3600));
  const std::array keys{key<ct4_key>(1), key<ct4_key>(2), key<ct4_key>(3)};
  EXPECT_EQ(must(program_->remove(keys, grace)).removed, 1U);
  EXPECT_TRUE(has<ct4_key>(1));
  EXPECT_FALSE(has<ct4_key>(2));
}

TEST_F(CollectTest, NobodyIsBoundByTheKeysOfOneRun) {
  make_node(1024);
  for (const auto count : std::initializer_list<std::uint16_t>{63, 64, 65, 128, 500}) {
    put<ct4_key>(1000, count, -seconds(5));
    put<ct6_key>(1000, count, -seconds(5));
    const PassReport report = pass();
    EXPECT_EQ(report.tables[0].removed, count);
    EXPECT_EQ(report.tables[1].removed, count);
    EXPECT_EQ(must(maps_->conntrack4.handle().count()), 0U);
    EXPECT_EQ(must(maps_->conntrack6.handle().count()), 0U);
  }
}

TEST_F(CollectTest, TheDatapathsOwnEntriesLiveAndEnd) {
  make_node(1024);
  for (const bool v6 : {false, true}) {
    EXPECT_FALSE(receives(v6, 4000)) << "not a reply";
    ASSERT_TRUE(sends(v6, 4000));
  }
  EXPECT_EQ(pass().removed_share(), 0);
  EXPECT_TRUE(receives(false, 4000));
  age(maps_->conntrack4, -seconds(2));
  EXPECT_FALSE(receives(false, 4000)) << "expired entries are absent";
  const PassReport report = pass();
  EXPECT_EQ(report.tables[0].removed, 1U);
  EXPECT_EQ(report.tables[1].live, 1U);
  EXPECT_TRUE(receives(true, 4000));
}

// One thread lets connections begin again as soon as they have expired, another one removes them.
// A removal that hits a connection of a packet that has passed shows at once.
template <class Key>
class RaceTest : public CollectTest {};
using Families = ::testing::Types<ct4_key, ct6_key>;
TYPED_TEST_SUITE(RaceTest, Families, );

TYPED_TEST(RaceTest, AConnectionThatBeginsAgainIsNeverRemoved) {
  using Key = TypeParam;
  constexpr std::uint16_t kFirst = 3000;
  constexpr std::uint16_t kConnections = 4;
  constexpr int kRounds = 30'000;
  constexpr int kMostRounds = 1'000'000;  // where both share a core they meet less often
  constexpr std::uint64_t kMeetings = 1000;
  this->make_node(1024);
  std::vector<Key> keys;
  for (std::uint16_t i = 0; i < kConnections; ++i)
    keys.push_back(this->template key<Key>(kFirst + i));
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> removed = 0;
  std::thread collector([&] {
    while (!stop) removed += must(this->program_->remove(std::span<const Key>(keys), 1)).removed;
  });
  const bool v6 = this->template kIs6<Key>;
  const auto& table = this->template table<Key>();
  std::uint64_t lost = 0;
  std::uint64_t dropped = 0;
  const ct_value expired = this->value(-this->seconds(10));
  const std::uint64_t now = expired.expires + static_cast<std::uint64_t>(this->seconds(10));
  int round = 0;
  for (; round < kRounds || (removed < kMeetings && round < kMostRounds); ++round) {
    const auto port = static_cast<std::uint16_t>(kFirst + round % kConnections);
    const Key key = this->template key<Key>(port);
    must(table.update(key, expired));
    // Let the removal meet the packet at different places.
    for (int spin = 0; spin < round % 512; ++spin)
      std::atomic_signal_fence(std::memory_order_seq_cst);
    if (!this->sends(v6, port)) {
      ++dropped;
      continue;
    }
    const auto entry = must(table.lookup(key));
    lost += !entry || entry->expires <= now ? 1U : 0U;
  }
  stop = true;
  collector.join();
  EXPECT_EQ(lost, 0U);
  // A packet that meets its connection's removal on a CPU that the hypervisor has stopped does not
  // wait for it: it is dropped, with a reason, and its sender repeats it.
  EXPECT_LE(dropped, static_cast<std::uint64_t>(round / 100));
  for (const maps::Counter& counter : must(maps::read_counters(*this->maps_))) {
    if (counter.reason == DROP_NONE) continue;
    EXPECT_EQ(counter.reason, DROP_CONNTRACK_FULL);
    EXPECT_EQ(counter.packets, dropped);
  }
  EXPECT_GE(removed, kMeetings) << "in " << round << " rounds";
  EXPECT_LT(removed, static_cast<std::uint64_t>(round)) << "no connection was replaced in place";
}

TEST_F(CollectTest, PassesUnderTrafficRemoveNothingThatLives) {
  make_node(4096);
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> removed = 0;
  std::thread collector([&] {
    const auto passes = must(Collector::open(paths_));
    while (!stop) removed += must(passes.pass()).tables[0].removed;
  });
  const ct_value expired = value(-seconds(10));
  std::uint64_t lost = 0;
  std::uint64_t sent = 0;
  for (; sent < 20'000 || removed == 0; ++sent) {
    const auto port = static_cast<std::uint16_t>(1024 + sent % 2000);
    must(maps_->conntrack4.update(key<ct4_key>(port), expired));
    lost += sends(false, port) && !has<ct4_key>(port) ? 1U : 0U;
    // Some more for the collector to find.
    must(maps_->conntrack4.update(key<ct4_key>(port + 3000), expired));
  }
  stop = true;
  collector.join();
  EXPECT_EQ(lost, 0U) << "of " << sent;
}

// The program's answers go through one map: passes take turns, or their counts would mix.
TEST_F(CollectTest, PassesOfSeveralProcessesTakeTurns) {
  constexpr std::uint16_t kEntries = 2000;
  make_node(4096);
  for (int round = 0; round < 5; ++round) {
    put<ct4_key>(1, kEntries, -seconds(5));
    put<ct6_key>(1, kEntries, -seconds(5));
    std::array<std::size_t, 2> removed{};
    const auto collect = [&](std::size_t index) {
      const auto report = must(must(Collector::open(paths_)).pass());
      removed[index] = report.tables[0].removed + report.tables[1].removed;
    };
    std::thread other(collect, 1);
    collect(0);
    other.join();
    EXPECT_EQ(removed[0] + removed[1], 2U * kEntries);
  }
}

TEST_F(CollectTest, AFullTableOverflowsIsCountedAndRecovers) {
  constexpr std::uint16_t kRoom = 64;
  constexpr std::uint16_t kMore = 36;
  make_node(kRoom);
  for (std::uint16_t i = 0; i < kRoom + kMore; ++i) ASSERT_TRUE(sends(false, 1000 + i)) << i;
  EXPECT_EQ(pressure().full[0], kMore);
  EXPECT_EQ(pressure().full[1], 0U);
  EXPECT_EQ(pressure().overflowed, 1U);
  EXPECT_TRUE(receives(false, 1000 + kRoom + kMore - 1)) << "known by the overflow table";

  PassReport report = pass();
  EXPECT_EQ(report.tables[0].fill(), 1);
  EXPECT_EQ(report.full[0], kMore);
  EXPECT_TRUE(report.overflowed);
  EXPECT_FALSE(report.overflow_ended);
  EXPECT_EQ(report.overflow[0].live, kMore);
  EXPECT_EQ(pressure().overflowed, 1U);

  // There is room again, but some connections live in the overflow table still.
  age(maps_->conntrack4, -seconds(2));
  report = pass();
  EXPECT_EQ(report.tables[0].removed, kRoom);
  EXPECT_FALSE(report.overflow_ended);
  EXPECT_TRUE(receives(false, 1000 + kRoom + kMore - 1));

  age(maps_->conntrack4_overflow, -seconds(2));
  report = pass();
  EXPECT_TRUE(report.overflowed);
  EXPECT_TRUE(report.overflow_ended);
  EXPECT_EQ(pressure().overflowed, 0U);
  EXPECT_EQ(pressure().full[0], kMore) << "what was counted stays";
  report = pass();
  EXPECT_FALSE(report.overflowed);
  EXPECT_EQ(report.overflow[0].scanned, 0U);
}

TEST_F(CollectTest, TheOverflowOfACrowdedTableStaysInUse) {
  make_node(64);
  for (std::uint16_t i = 0; i < 65; ++i) ASSERT_TRUE(sends(true, 1000 + i));
  age(maps_->conntrack6_overflow, -seconds(2));
  const PassReport report = pass();
  EXPECT_EQ(report.overflow[1].live, 0U);
  EXPECT_FALSE(report.overflow_ended);
  EXPECT_EQ(pressure().overflowed, 1U);
}

TEST_F(CollectTest, EntriesOutliveTheProcessAndTheProgram) {
  make_node(1024);
  ASSERT_TRUE(sends(false, 4000));
  put<ct4_key>(1, 2, -seconds(2));
  const std::string old_version = datapath_->version;
  // All descriptors go; what is pinned stays.
  datapath_.reset();
  program_.reset();
  maps_.reset();
  maps_ = must(maps::NodeMaps::open_or_create(paths_.maps(), {}));
  backend::Bytes other(backend::datapath_object().begin(), backend::datapath_object().end());
  must(backend::set_rodata(other, "have_ipv6", backend::Bytes{0}));
  run_datapath(other);
  ASSERT_NE(datapath_->version, old_version);
  must(bpf::remove_tree(paths_.programs() / old_version));
  EXPECT_TRUE(receives(false, 4000)) << "the reply to what the old program let out";
  const PassReport report = pass();
  EXPECT_EQ(report.tables[0].removed, 2U);
  EXPECT_EQ(report.tables[0].live, 1U);
  EXPECT_TRUE(receives(false, 4000));
}

TEST_F(CollectTest, AMillionEntries) {
  constexpr std::size_t kEntries = 1'000'000;
  constexpr std::size_t kChunk = 10'000;
  make_node(kEntries);
  std::vector<ct4_key> keys(kChunk, key<ct4_key>(1));
  std::vector<ct_value> values(kChunk, value(seconds(3600)));
  for (std::size_t i = 0; i < kChunk; i += 2) values[i].expires = value(-seconds(5)).expires;
  for (std::size_t done = 0; done < kEntries; done += kChunk) {
    for (std::size_t i = 0; i < kChunk; ++i)
      keys[i].remote_address = htonl(static_cast<std::uint32_t>(0x0b000000U + done + i));
    must(maps_->conntrack4.update_batch(keys, values));
  }
  const PassReport report = pass();
  EXPECT_EQ(report.tables[0].scanned, kEntries);
  EXPECT_EQ(report.tables[0].live, kEntries / 2);
  EXPECT_EQ(report.tables[0].removed, kEntries / 2);
  EXPECT_EQ(must(maps_->conntrack4.handle().count()), kEntries / 2);
  EXPECT_GT(report.longest_stretch.count(), 0);
  EXPECT_LE(report.longest_stretch, report.cpu);
  RecordProperty("longest_stretch_us", std::to_string(report.longest_stretch.count() / 1000));
}

TEST_F(CollectTest, WithoutADatapathThereIsAnError) {
  EXPECT_THAT(Collector::open(paths_).error().message, ::testing::HasSubstr("nothing is loaded"));
  must(maps::NodeMaps::open_or_create(paths_.maps(), {}));
  EXPECT_THAT(Collector::open(paths_).error().message,
              ::testing::HasSubstr("no datapath is loaded"));
}

}  // namespace
}  // namespace policyc::testing
