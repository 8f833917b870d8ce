// `policyc observe`, by running the program on rings that the test writes.

#include <ctime>
#include <thread>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "loader/maps/node_maps.h"
#include "tests/unit/driver/process.h"
#include "tests/unit/loader/observe_world.h"
#include "tests/unit/loader/ring_writer.h"

namespace policyc::testing {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CliObserveTest : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    maps_.emplace(
        must(maps::NodeMaps::open_or_create(paths_.maps(), {64, 64, 64, 64, 128, 64, 64, 64, 16})));
    const std::size_t cpus = must(maps_->event_heads.info()).max_entries;
    writer_.emplace(maps_->event_heads.fd(), maps_->event_slots.fd(), cpus);
  }
  void TearDown() override {
    writer_.reset();
    maps_.reset();
    KernelTest::TearDown();
  }

  [[nodiscard]] Finished observe(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "observe");
    arguments.insert(arguments.end(),
                     {"--bpffs", paths_.bpffs, "--state-dir", node_.paths().state});
    return run_policyc(arguments, {}, {}, {"TZ=UTC"});
  }
  // The destination ports of the flows.
  [[nodiscard]] static std::vector<int> ports(const Finished& done) {
    EXPECT_EQ(done.exit_code, 0) << done.err;
    std::vector<int> result;
    std::istringstream lines(done.out);
    for (std::string line; std::getline(lines, line);) {
      const json flow = json::parse(line)["flow"];
      const json& l4 = flow["l4"];
      result.push_back(l4.begin().value()["destination_port"]);
    }
    return result;
  }
  void write(event raw, std::uint16_t port, std::uint64_t age_ns = 0) {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    raw.time_ns = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
                  static_cast<std::uint64_t>(now.tv_nsec) - age_ns;
    raw.destination_port = htons(port);
    writer_->write(0, raw);
  }

  ObservedNode node_;
  std::optional<maps::NodeMaps> maps_;
  std::optional<RingWriter> writer_;
};

TEST_F(CliObserveTest, LastShowsTheNewestThatPassTheFilter) {
  for (std::uint16_t port = 1; port <= 6; ++port)
    write(port % 2 == 0 ? node_.denied() : node_.query(), port);
  EXPECT_THAT(ports(observe({"-o", "json", "--last", "100"})), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(ports(observe({"-o", "jsonpb", "--last", "2"})), ElementsAre(5, 6));
  EXPECT_THAT(ports(observe({"-o", "json", "--last", "2", "--verdict", "DROPPED"})),
              ElementsAre(4, 6));
  EXPECT_THAT(ports(observe({"-o", "json", "--all", "--count", "2"})), ElementsAre(1, 2));
  EXPECT_THAT(ports(observe({"-o", "json", "--last", "0"})), IsEmpty());
}

TEST_F(CliObserveTest, SinceLeavesOutWhatIsOlder) {
  constexpr std::uint64_t kHour = 3'600'000'000'000;
  write(node_.denied(), 1, kHour / 60);
  write(node_.denied(), 2);
  EXPECT_THAT(ports(observe({"-o", "json", "--since", "30s"})), ElementsAre(2));
  EXPECT_THAT(ports(observe({"-o", "json", "--since", "100000h"})), ElementsAre(1, 2));
}

TEST_F(CliObserveTest, FirstShowsTheOldestThatPassTheFilter) {
  for (std::uint16_t port = 1; port <= 6; ++port)
    write(port % 2 == 0 ? node_.denied() : node_.query(), port);
  EXPECT_THAT(ports(observe({"-o", "json", "--first", "2"})), ElementsAre(1, 2));
  EXPECT_THAT(ports(observe({"-o", "json", "--first", "2", "--verdict", "DROPPED"})),
              ElementsAre(2, 4));
  EXPECT_THAT(ports(observe({"-o", "json", "--first", "100"})), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(ports(observe({"-o", "json", "--first", "0"})), IsEmpty());
}

TEST_F(CliObserveTest, UntilLeavesOutWhatIsNewer) {
  constexpr std::uint64_t kMinute = 60'000'000'000;
  write(node_.denied(), 1, 3 * kMinute);
  write(node_.denied(), 2, kMinute);
  write(node_.denied(), 3);
  EXPECT_THAT(ports(observe({"-o", "json", "--until", "30s"})), ElementsAre(1, 2));
  EXPECT_THAT(ports(observe({"-o", "json", "--until", "30s", "--since", "2m"})), ElementsAre(2));
  EXPECT_THAT(ports(observe({"-o", "json", "--until", "2m", "--first", "1"})), ElementsAre(1));
  EXPECT_THAT(ports(observe({"-o", "json", "--until", "2200-01-01"})), ElementsAre(1, 2, 3));
  EXPECT_THAT(ports(observe({"-o", "json", "--until", "1980-01-01T00:00:00Z"})), IsEmpty());
  // It ends what would go on otherwise.
  EXPECT_THAT(ports(observe({"-o", "json", "-f", "--until", "30s"})), ElementsAre(1, 2));
}

TEST_F(CliObserveTest, FlagsAreCombinedInTheirOrder) {
  write(node_.allowed(), 1);
  write(node_.denied(), 2);
  write(node_.query(), 3);
  write(node_.unselected(), 4);
  const auto shown = [this](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"--all", "-o", "json"});
    return ports(observe(flags));
  };
  EXPECT_THAT(shown({"-n", "lab"}), ElementsAre(2));
  EXPECT_THAT(shown({"--port", "1", "--port", "3"}), ElementsAre(1, 3));
  EXPECT_THAT(shown({"-4", "--not", "--verdict", "DROPPED"}), ElementsAre(1, 3));
  EXPECT_THAT(shown({"--not", "-4"}), ElementsAre(4));
  EXPECT_THAT(shown({"--not", "--reply", "--tcp-flags", "syn"}), ElementsAre(1, 2));
  EXPECT_THAT(shown({"--port", "1", "--not", "--port", "2", "--port", "2"}), ElementsAre(1));
  EXPECT_THAT(shown({"-l", "app=probe", "-t", "drop", "--protocol=tcp"}), ElementsAre(2));
}

TEST_F(CliObserveTest, ItFollowsWhatHappensFromNowOn) {
  write(node_.denied(), 1);
  std::atomic<bool> done = false;
  std::thread writing([&] {
    for (std::uint16_t port = 2; !done; ++port) {
      write(node_.denied(), port);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  const auto followed = ports(observe({"-o", "json", "--count", "3"}));
  const auto both = ports(
      observe({"-o", "json", "--last", "1000000", "-f", "--count", "100000", "--timeout", "1"}));
  done = true;
  writing.join();
  ASSERT_EQ(followed.size(), 3U);
  EXPECT_GT(followed[0], 1);
  EXPECT_EQ(followed[2], followed[0] + 2);
  ASSERT_GT(both.size(), 4U);
  for (std::size_t i = 0; i < both.size(); ++i) ASSERT_EQ(both[i], static_cast<int>(i) + 1);
}

TEST_F(CliObserveTest, EveryFormatIsPrinted) {
  write(node_.denied(), 80);
  EXPECT_THAT(observe({"--last", "1"}).out,
              HasSubstr("lab/probe-1:40000 (ID:259) <> shop/web:80 (ID:257) Policy denied by "
                        "denylist DROPPED (TCP Flags: SYN), rule 2 of CiliumNetworkPolicy/shop/web "
                        "spec.ingressDeny[0] at web.yaml:12\n"));
  EXPECT_THAT(observe({"--last", "1", "-o", "dict"}).out, HasSubstr("\n    VERDICT: DROPPED\n"));
  EXPECT_THAT(observe({"--last", "1", "-o", "tab"}).out, HasSubstr("TIMESTAMP   "));
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  EXPECT_THAT(observe({"--last", "1", "--print-node-name", "--time-format", "RFC3339"}).out,
              HasSubstr("Z [" + std::string(host) + "]: "));
  EXPECT_EQ(json::parse(observe({"--last", "1", "-o", "json"}).out)["node_name"], host);
}

TEST_F(CliObserveTest, LossesAreTold) {
  std::atomic<bool> done = false;
  std::thread writing([&] {
    const event raw = node_.denied();
    while (!done) writer_->write(0, raw);
  });
  const auto lossy = observe({"-o", "json", "--count", "20000", "--verdict", "DROPPED"});
  const auto printed = observe({"--count", "20000", "--port", "80"});
  done = true;
  writing.join();
  EXPECT_EQ(lossy.exit_code, 0);
  EXPECT_EQ(lossy.err, "");
  EXPECT_THAT(lossy.out, HasSubstr("{\"lost_events\":{\"source\":\"PERF_EVENT_RING_BUFFER\","
                                   "\"num_events_lost\":\""));
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_THAT(printed.err, HasSubstr(" EVENTS LOST: PERF_EVENT_RING_BUFFER "));
  EXPECT_THAT(printed.out, Not(HasSubstr("LOST")));
}

TEST_F(CliObserveTest, WhatTheRateLimitKeptBackIsTold) {
  writer_->limit(0);
  std::atomic<bool> done = false;
  std::thread writing([&] {
    for (; !done; std::this_thread::sleep_for(std::chrono::milliseconds(5))) {
      writer_->limit(0);
      write(node_.denied(), 1);
    }
  });
  const auto followed = observe({"--count", "20"});
  done = true;
  writing.join();
  EXPECT_THAT(followed.err, HasSubstr(" events were not written: rate limit\n"));
  EXPECT_EQ(observe({"--all"}).err, "");
}

TEST_F(CliObserveTest, BadCommandLinesAreRefused) {
  const auto refused = [this](const std::vector<std::string>& arguments) {
    const auto done = observe(arguments);
    EXPECT_EQ(done.exit_code, 2);
    EXPECT_EQ(done.out, "");
    return done.err;
  };
  EXPECT_EQ(refused({"--port", "http"}), "policyc: --port: `http` is not a port, 0 to 65535\n");
  EXPECT_THAT(refused({"--not"}), HasSubstr("--not: no filter follows"));
  EXPECT_THAT(refused({"--not", "--not", "-4"}), HasSubstr("--not: two before one filter"));
  EXPECT_THAT(refused({"--since", "yesterday"}), HasSubstr("--since: `yesterday` is neither"));
  EXPECT_THAT(refused({"--until", "2026-13-01"}), HasSubstr("--until: `2026-13-01` is neither"));
  EXPECT_THAT(refused({"--first", "2", "-f"}), HasSubstr("--first: not together with"));
  EXPECT_THAT(refused({"--first", "2", "--last", "2"}), HasSubstr("--first: not together with"));
  EXPECT_THAT(refused({"--tcp-flags", "SYN,"}), HasSubstr("--tcp-flags: `SYN,` is not SYN, ACK"));
  EXPECT_THAT(refused({"-o", "xml"}), HasSubstr("--output"));
  EXPECT_THAT(refused({"--last", "some"}), HasSubstr("--last"));
}

TEST_F(CliObserveTest, WithoutMapsThereIsNothingToRead) {
  const auto done = run_policyc({"observe", "--last", "1", "--bpffs", "/nonexistent"});
  EXPECT_EQ(done.exit_code, 3);
  EXPECT_NE(done.err, "");
}

}  // namespace
}  // namespace policyc::testing
