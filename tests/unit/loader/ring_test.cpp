// loader/events: rings in the kernel's memory, written from user space as the programs write them.

#include "loader/events/ring.h"

#include <thread>

#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <linux/bpf.h>

#include "tests/unit/loader/ring_writer.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using events::From;
using events::Ring;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

bpf::Fd make_map(const char* name, std::uint32_t value_size, std::size_t entries,
                 std::uint32_t flags = BPF_F_MMAPABLE) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
  bpf::Fd fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, name, 4, value_size,
                            static_cast<std::uint32_t>(entries), &options));
  if (fd.get() < 0) throw std::runtime_error(std::string("map: ") + strerror(errno));
  return fd;
}

class RingTest : public KernelTest {
 protected:
  static constexpr std::size_t kCpus = 2;

  [[nodiscard]] Ring open(From from) const {
    return must(Ring::open(heads_.get(), slots_.get(), from));
  }

  // Every field says which event it is.
  static event numbered(std::uint64_t number) {
    event value{};
    std::memset(&value, static_cast<int>(number % 251), sizeof value);
    value.time_ns = number;
    value.length = static_cast<std::uint32_t>(number);
    return value;
  }
  static bool is_whole(const event& seen) {
    const event whole = numbered(seen.time_ns);
    return std::memcmp(&seen, &whole, sizeof whole) == 0;
  }
  static std::vector<std::uint64_t> times(const events::Batch& batch) {
    std::vector<std::uint64_t> result;
    for (const events::Record& record : batch.events) result.push_back(record.time_ns);
    return result;
  }

  bpf::Fd heads_ = make_map("event_heads", sizeof(event_head), kCpus);
  bpf::Fd slots_ = make_map("event_slots", sizeof(event), kCpus* EVENT_SLOTS);
  RingWriter writer_{heads_.get(), slots_.get(), kCpus};
};

TEST_F(RingTest, EventsOfAllCpusComeByTime) {
  Ring ring = open(From::Now);
  writer_.write(0, numbered(10));
  writer_.write(1, numbered(5));
  writer_.write(0, numbered(30));
  writer_.write(1, numbered(20));
  const auto batch = ring.read();
  EXPECT_THAT(times(batch), ElementsAre(5, 10, 20, 30));
  EXPECT_EQ(batch.events[0].cpu, 1U);
  EXPECT_EQ(batch.events[2].cpu, 1U);
  EXPECT_EQ(batch.events[2].number, 1U);
  EXPECT_EQ(batch.lost, 0U);
  EXPECT_THAT(ring.read().events, IsEmpty());
}

TEST_F(RingTest, ReadersDoNotDisturbEachOther) {
  writer_.write(0, numbered(1));
  Ring old = open(From::Oldest);
  Ring late = open(From::Now);
  writer_.write(0, numbered(2));
  EXPECT_THAT(times(old.read()), ElementsAre(1, 2));
  EXPECT_THAT(times(late.read()), ElementsAre(2));
}

TEST_F(RingTest, TheOldestIsWhatCannotBeBeingOverwritten) {
  for (std::uint64_t i = 0; i < EVENT_SLOTS + 100; ++i) writer_.write(0, numbered(i));
  Ring ring = open(From::Oldest);
  const auto batch = ring.read();
  EXPECT_EQ(batch.lost, 0U);
  ASSERT_EQ(batch.events.size(), EVENT_SLOTS - 1);
  EXPECT_EQ(batch.events.front().time_ns, 101U);
  EXPECT_EQ(batch.events.back().time_ns, EVENT_SLOTS + 99);
}

TEST_F(RingTest, WhatAReaderIsTooLateForIsCounted) {
  Ring ring = open(From::Now);
  for (std::uint64_t i = 0; i < 3 * EVENT_SLOTS; ++i) writer_.write(1, numbered(i));
  writer_.write(0, numbered(7));
  const auto batch = ring.read();
  EXPECT_EQ(batch.events.size(), EVENT_SLOTS);  // one of them CPU 0's
  EXPECT_EQ(batch.lost, 2 * EVENT_SLOTS + 1);
  EXPECT_EQ(ring.read().lost, 0U);
}

TEST_F(RingTest, AReaderMayTakeAFewAtATime) {
  Ring ring = open(From::Now);
  for (std::uint64_t i = 0; i < 5; ++i) writer_.write(0, numbered(i));
  EXPECT_THAT(times(ring.read(2)), ElementsAre(0, 1));
  EXPECT_THAT(times(ring.read(2)), ElementsAre(2, 3));
  EXPECT_THAT(times(ring.read(2)), ElementsAre(4));
}

// Writers that overtake: what comes is whole and in order, and what does not is counted.
TEST_F(RingTest, NoEventIsTornAndEveryLossIsCounted) {
  constexpr std::uint64_t kEvents = 3'000'000;
  Ring ring = open(From::Now);
  std::atomic<int> writing = kCpus;
  std::vector<std::thread> writers;
  for (std::size_t cpu = 0; cpu < kCpus; ++cpu) {
    writers.emplace_back([&, cpu] {
      for (std::uint64_t i = 0; i < kEvents; ++i) writer_.write(cpu, numbered(i));
      --writing;
    });
  }
  std::uint64_t seen = 0;
  std::uint64_t lost = 0;
  std::uint64_t torn = 0;
  std::uint64_t out_of_order = 0;
  std::array<std::uint64_t, kCpus> next{};
  const auto take = [&] {
    const auto batch = ring.read();
    lost += batch.lost;
    seen += batch.events.size();
    for (const events::Record& record : batch.events) {
      if (!is_whole(record) || record.time_ns != record.number) ++torn;
      if (record.number < next.at(record.cpu)) ++out_of_order;
      next.at(record.cpu) = record.number + 1;
    }
  };
  while (writing != 0) take();
  for (std::thread& writer : writers) writer.join();
  take();
  EXPECT_EQ(torn, 0U);
  EXPECT_EQ(out_of_order, 0U);
  EXPECT_EQ(seen + lost, kCpus * kEvents);
  EXPECT_GT(lost, 0U) << "the writers never overtook the reader: the test shows nothing";
  EXPECT_GT(seen, 0U);
}

TEST_F(RingTest, WhatTheRateLimitKeptBackIsToldForAllCpus) {
  const Ring ring = open(From::Now);
  EXPECT_EQ(ring.limited(), 0U);
  writer_.limit(0);
  writer_.limit(1);
  writer_.limit(1);
  EXPECT_EQ(ring.limited(), 3U);
}

TEST_F(RingTest, OtherMapsAreRefused) {
  const auto refused = [](const bpf::Fd& heads, const bpf::Fd& slots) {
    const auto ring = Ring::open(heads.get(), slots.get(), From::Now);
    return ring ? "" : ring.error().message;
  };
  EXPECT_THAT(refused(slots_, heads_), HasSubstr("event_heads is not a map of this version"));
  EXPECT_THAT(refused(heads_, make_map("event_slots", sizeof(event), EVENT_SLOTS)),
              HasSubstr("not of one size"));
  EXPECT_THAT(refused(heads_, make_map("event_slots", sizeof(event), kCpus * EVENT_SLOTS, 0)),
              HasSubstr("event_slots is not a map of this version"));
  EXPECT_THAT(refused(bpf::Fd(-1), slots_), HasSubstr("event_heads: "));
}

}  // namespace
}  // namespace policyc::testing
