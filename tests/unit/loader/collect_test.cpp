// loader/conntrack against the datapath in the kernel: what a pass removes, and what it must not.

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <linux/bpf.h>

#include "loader/bpf/bpffs.h"
#include "loader/conntrack/collector.h"
#include "loader/conntrack/flush.h"
#include "loader/endpoint/grace.h"
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

  // `count` entries from port 1 on that expire so many ticks from now. Seeds are random: of
  // a table filled to an eighth no bucket is full, of one filled to a half now and then two are.
  template <class Key>
  void put(std::uint16_t first, std::uint16_t count, std::int64_t ticks) {
    for (std::uint16_t i = 0; i < count; ++i)
      ASSERT_TRUE(entries<Key>().put(key<Key>(first + i), value(ticks)));
  }
  template <class Key>
  [[nodiscard]] bool has(std::uint16_t port) const {
    return entries<Key>().lookup(key<Key>(port)).has_value();
  }
  // Whether the overflow table had it.
  [[nodiscard]] bool forget_overflowed(const ct4_key& key) const {
    return must(maps_->conntrack4_overflow.erase(key));
  }
  [[nodiscard]] bool forget_overflowed(const ct6_key& key) const {
    return must(maps_->conntrack6_overflow.erase(key));
  }
  // Sets when every entry of a table expires, `ticks` from now.
  template <class Key>
  void age(std::int64_t ticks) const {
    const auto expires = value(ticks).expires;
    for (auto slot : entries<Key>().all()) {
      slot.value.expires = expires;
      ASSERT_TRUE(entries<Key>().put(slot.key, slot.value));
    }
  }
  template <class Key>
  void age(const bpf::Map<Key, ct_value>& table, std::int64_t ticks) {
    for (auto [key, entry] : must(table.entries())) {
      entry.expires = value(ticks).expires;
      must(table.update(key, entry));
    }
  }
};

TEST_F(CollectTest, OnlyWhatHasExpiredIsRemoved) {
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

TEST_F(CollectTest, RemovedSlotsAreUsedAgain) {
  make_node(4096);
  for (const auto count : std::initializer_list<std::uint16_t>{63, 500, 500, 500, 500}) {
    put<ct4_key>(1000, count, -seconds(5));
    put<ct6_key>(1000, count, -seconds(5));
    const PassReport report = pass();
    EXPECT_EQ(report.tables[0].removed, count);
    EXPECT_EQ(report.tables[1].removed, count);
    EXPECT_EQ(entries4_->table().taken(), 0U);
    EXPECT_EQ(entries6_->table().taken(), 0U);
  }
}

// What a pass that died has left: its connections are gone, their slots are not free.
TEST_F(CollectTest, WhatADeadProcessEndedIsReleasedByTheNextPass) {
  make_node(1024);
  put<ct4_key>(100, 3, -seconds(2));
  const auto& table = entries4_->table();
  for (std::size_t slot = 0; slot < table.capacity(); ++slot)
    static_cast<void>(table.end(slot, value(0).expires));
  EXPECT_FALSE(has<ct4_key>(100));
  EXPECT_EQ(table.taken(), 3U);
  // Until then the same connection finds room elsewhere.
  EXPECT_TRUE(sends(false, 100));
  EXPECT_TRUE(receives(false, 100));
  const PassReport report = pass();
  EXPECT_EQ(report.tables[0].removed, 3U);
  EXPECT_EQ(report.tables[0].live, 1U);
  EXPECT_EQ(table.taken(), 1U);
  EXPECT_TRUE(receives(false, 100)) << "as a guest, after its home has room";
}

TEST_F(CollectTest, GuestsAreFoundAndNotLookedForWhenTheyAreGone) {
  make_node(512);
  std::uint16_t count = 0;
  const auto guests = [this] {
    std::uint32_t total = 0;
    for (const ct4_bucket& bucket : entries4_->table().buckets()) total += bucket.head.guests;
    return total;
  };
  // Seeds are random, so which connection is the first guest is not known; perhaps some find both
  // of their buckets full before.
  for (; guests() == 0; ++count) ASSERT_TRUE(sends(false, 1000 + count));
  ASSERT_EQ(guests(), 1U);
  for (std::uint16_t i = 0; i < count; ++i) EXPECT_TRUE(receives(false, 1000 + i)) << i;
  age<ct4_key>(-seconds(2));
  EXPECT_EQ(pass().tables[0].removed, count - pressure().full[0]);
  EXPECT_EQ(guests(), 0U);
}

TEST_F(CollectTest, TheDatapathsOwnEntriesLiveAndEnd) {
  make_node(1024);
  for (const bool v6 : {false, true}) {
    EXPECT_FALSE(receives(v6, 4000)) << "not a reply";
    ASSERT_TRUE(sends(v6, 4000));
  }
  EXPECT_EQ(pass().removed_share(), 0);
  EXPECT_TRUE(receives(false, 4000));
  age<ct4_key>(-seconds(2));
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
  constexpr std::uint16_t kConnections = 200;
  constexpr int kRounds = 30'000;
  constexpr int kMostRounds = 1'000'000;  // where both share a core they meet less often
  constexpr std::uint64_t kMeetings = 1000;
  constexpr int kLooks = 500;  // before the slots are released
  this->make_node(1024);
  const auto& entries = this->template entries<Key>();
  const ct_value expired = this->value(-this->seconds(10));
  const std::uint64_t now = expired.expires + static_cast<std::uint64_t>(this->seconds(10));
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> removed = 0;
  std::thread collector([&] {
    const auto& table = entries.table();
    while (!stop) {
      std::vector<std::size_t> ended;
      for (int look = 0; look < kLooks; ++look) {
        for (std::size_t slot = 0; slot < table.capacity(); ++slot) {
          if (table.end(slot, now) == maps::Found::Ended && look + 1 == kLooks)
            ended.push_back(slot);
        }
      }
      ASSERT_TRUE(endpoint::wait_for_running_programs());
      for (const std::size_t slot : ended) table.release(slot);
      removed += ended.size();
    }
  });
  const bool v6 = this->template kIs6<Key>;
  std::uint64_t lost = 0;
  std::uint64_t dropped = 0;
  std::uint64_t replaced = 0;
  int round = 0;
  for (; round < kRounds || (removed < kMeetings && round < kMostRounds); ++round) {
    const auto port = static_cast<std::uint16_t>(kFirst + round % kConnections);
    const Key key = this->template key<Key>(port);
    // Not while both of its slots have ended and are not released.
    if (!entries.put(key, expired)) continue;
    // Let the removal meet the packet at different places.
    for (int spin = 0; spin < round % 512; ++spin)
      std::atomic_signal_fence(std::memory_order_seq_cst);
    const std::size_t taken = entries.table().taken();
    if (!this->sends(v6, port)) {
      ++dropped;
      continue;
    }
    replaced += entries.table().taken() == taken ? 1U : 0U;
    const auto entry = entries.lookup(key);
    lost += (!entry || entry->expires <= now) && !this->forget_overflowed(key) ? 1U : 0U;
  }
  stop = true;
  collector.join();
  EXPECT_EQ(lost, 0U);
  EXPECT_EQ(dropped, 0U);
  for (const maps::Counter& counter : must(maps::read_counters(*this->maps_)))
    EXPECT_EQ(counter.reason, DROP_NONE);
  EXPECT_GE(removed, kMeetings) << "in " << round << " rounds";
  EXPECT_GT(replaced, 0U) << "no connection was replaced in place";
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
    static_cast<void>(entries4_->put(key<ct4_key>(port), expired));
    lost += sends(false, port) && !has<ct4_key>(port) && !forget_overflowed(key<ct4_key>(port))
                ? 1U
                : 0U;
    // Some more for the collector to find.
    static_cast<void>(entries4_->put(key<ct4_key>(port + 3000), expired));
  }
  stop = true;
  collector.join();
  EXPECT_EQ(lost, 0U) << "of " << sent;
}

// Slots are released once: passes take turns.
TEST_F(CollectTest, PassesOfSeveralProcessesTakeTurns) {
  constexpr std::uint16_t kEntries = 2000;
  make_node(16'384);
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
  constexpr std::uint16_t kSent = 200;
  make_node(kRoom);
  for (std::uint16_t i = 0; i < kSent; ++i) ASSERT_TRUE(sends(false, 1000 + i)) << i;
  for (std::uint16_t i = 0; i < kSent; ++i) ASSERT_TRUE(receives(false, 1000 + i)) << i;
  // Nearly full: what does not fit into its two buckets overflows before the last slot is taken.
  const std::size_t held = entries4_->table().taken();
  const std::size_t more = kSent - held;
  EXPECT_GT(held, kRoom * 3 / 4);
  EXPECT_EQ(pressure().full[0], more);
  EXPECT_EQ(pressure().full[1], 0U);
  EXPECT_EQ(pressure().overflowed, 1U);

  PassReport report = pass();
  EXPECT_EQ(report.tables[0].capacity, kRoom);
  EXPECT_DOUBLE_EQ(report.tables[0].fill(), static_cast<double>(held) / kRoom);
  EXPECT_EQ(report.full[0], more);
  EXPECT_TRUE(report.overflowed);
  EXPECT_FALSE(report.overflow_ended);
  EXPECT_EQ(report.overflow[0].live, more);
  EXPECT_EQ(pressure().overflowed, 1U);

  // There is room again, but some connections live in the overflow table still.
  std::uint16_t beyond = 1000;
  while (has<ct4_key>(beyond)) ++beyond;
  age<ct4_key>(-seconds(2));
  report = pass();
  EXPECT_EQ(report.tables[0].removed, held);
  EXPECT_FALSE(report.overflow_ended);
  EXPECT_TRUE(receives(false, beyond));

  age(maps_->conntrack4_overflow, -seconds(2));
  report = pass();
  EXPECT_TRUE(report.overflowed);
  EXPECT_TRUE(report.overflow_ended);
  EXPECT_EQ(pressure().overflowed, 0U);
  EXPECT_EQ(pressure().full[0], more) << "what was counted stays";
  report = pass();
  EXPECT_FALSE(report.overflowed);
  EXPECT_EQ(report.overflow[0].scanned, 0U);
}

TEST_F(CollectTest, AFlushEndsWhatLivesInBothTables) {
  constexpr std::uint16_t kSent = 200;
  make_node(64);
  for (std::uint16_t i = 0; i < kSent; ++i) ASSERT_TRUE(sends(false, 1000 + i)) << i;
  ASSERT_TRUE(sends(true, 1000));
  const std::size_t removed = must(conntrack::flush(
      paths_, [](const conntrack::Connection& one) { return one.local_port % 2 == 0; }));
  EXPECT_EQ(removed, kSent / 2U + 1U);
  for (std::uint16_t i = 0; i < kSent; ++i) EXPECT_EQ(receives(false, 1000 + i), i % 2 == 1) << i;
  EXPECT_FALSE(receives(true, 1000));
  EXPECT_EQ(must(conntrack::flush(paths_, [](const auto&) { return true; })), kSent / 2U);
  EXPECT_EQ(entries4_->table().taken(), 0U);
  EXPECT_EQ(entries6_->table().taken(), 0U);
  EXPECT_TRUE(must(maps_->conntrack4_overflow.entries()).empty());
}

TEST_F(CollectTest, TheOverflowOfACrowdedTableStaysInUse) {
  make_node(64);
  for (std::uint16_t i = 0; i < 200; ++i) ASSERT_TRUE(sends(true, 1000 + i));
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
  make_node(2 * kEntries);
  ct4_key key = this->key<ct4_key>(1);
  const ct_value live = value(seconds(3600));
  const ct_value expired = value(-seconds(5));
  std::size_t living = 0;
  std::size_t dead = 0;
  for (std::size_t i = 0; i < kEntries; ++i) {
    key.remote_address = htonl(static_cast<std::uint32_t>(0x0b000000U + i));
    // Of a million one or two may find both of their buckets full.
    if (entries4_->put(key, i % 2 == 0 ? expired : live)) ++(i % 2 == 0 ? dead : living);
  }
  EXPECT_GT(living + dead, kEntries - kEntries / 1000);
  const PassReport report = pass();
  EXPECT_EQ(report.tables[0].capacity, 1U << 21U);
  EXPECT_EQ(report.tables[0].scanned, living + dead);
  EXPECT_EQ(report.tables[0].live, living);
  EXPECT_EQ(report.tables[0].removed, dead);
  EXPECT_EQ(entries4_->table().taken(), living);
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
