// `policyc ct`, by running the program on a node with real connections.

#include <sstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "loader/kernel/datapath.h"
#include "tests/support/connection_entries.h"
#include "tests/unit/driver/process.h"
#include "tests/unit/loader/load_fixture.h"

namespace policyc::testing {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class CliCtTest : public LoadTest {
 protected:
  [[nodiscard]] Finished ct(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "ct");
    arguments.insert(arguments.end(), {"--bpffs", paths_.bpffs, "--state-dir", paths_.state});
    return run_policyc(arguments);
  }
  [[nodiscard]] std::vector<json> listed(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"list", "-o", "json"});
    const auto done = ct(std::move(more));
    EXPECT_EQ(done.exit_code, 0) << done.err;
    std::vector<json> result;
    std::istringstream lines(done.out);
    for (std::string line; std::getline(lines, line);) result.push_back(json::parse(line));
    return result;
  }
  // Every connection has ended ten seconds ago.
  void expire() const {
    const auto maps = must(maps::NodeMaps::open(paths_.maps()));
    const auto past = std::uint64_t{70} * kernel::ticks_per_second();
    const test_support::ConnectionEntries4 entries(maps.conntrack4.fd(),
                                                   *must(maps.ct_table.lookup(0)));
    for (auto slot : entries.all()) {
      slot.value.expires -= past;
      ASSERT_TRUE(entries.put(slot.key, slot.value));
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Hooks, CliCtTest, ::testing::Values(attach::HookChoice::Tcx));

TEST_P(CliCtTest, AConnectionIsListedWithItsRuleAndRemovedWhenItHasExpired) {
  const Pod web("web0", "10.9.1.1");
  must(endpoint::load_endpoint(paths_, request(object("client", 53), web)));
  ASSERT_TRUE(web.reached_from(kClient, 53));

  auto connections = listed();
  ASSERT_THAT(connections, SizeIs(1));
  const json& only = connections[0];
  EXPECT_EQ(only["protocol"], "UDP");
  EXPECT_EQ(only["local"]["address"], "10.9.1.1");
  EXPECT_EQ(only["local"]["port"], 53);
  EXPECT_EQ(only["remote"]["address"], kClient);
  EXPECT_EQ(only["endpoint"], "shop/web");
  EXPECT_EQ(only["direction"], "ingress");
  EXPECT_EQ(only["state"], "new");
  EXPECT_GT(only["seconds_left"], 0);
  EXPECT_EQ(only["verdict"], "allow");
  EXPECT_THAT(only["peer"]["labels"].get<std::string>(), HasSubstr("app=client"));
  ASSERT_THAT(only["policies"], SizeIs(1));
  EXPECT_EQ(only["policies"][0]["object"], "CiliumNetworkPolicy/shop/web");
  EXPECT_GT(only["policies"][0]["line"], 0);
  EXPECT_EQ(only["overflow"], false);

  const auto table = ct({"list"});
  EXPECT_EQ(table.exit_code, 0);
  EXPECT_THAT(table.out, HasSubstr("10.9.1.1:53"));
  EXPECT_THAT(table.out, HasSubstr("allow, rule "));
  EXPECT_THAT(table.out, HasSubstr("CiliumNetworkPolicy/shop/web spec.ingress[0] at "));

  EXPECT_THAT(listed({"--port", "53", "--protocol", "udp", "--address", kClient}), SizeIs(1));
  EXPECT_THAT(listed({"--port", "54"}), SizeIs(0));
  EXPECT_THAT(listed({"--protocol", "6"}), SizeIs(0));
  EXPECT_THAT(listed({"--address", kOther}), SizeIs(0));

  const auto spared = ct({"gc", "--once"});
  EXPECT_EQ(spared.exit_code, 0) << spared.err;
  EXPECT_THAT(spared.out, HasSubstr("conntrack4: scanned 1, live 1, expired 0, removed 0"));
  expire();
  EXPECT_THAT(listed(), SizeIs(0));
  EXPECT_THAT(listed({"--expired"}), SizeIs(1));
  const auto removed = ct({"gc", "--once"});
  EXPECT_THAT(removed.out, HasSubstr("conntrack4: scanned 1, live 0, expired 1, removed 1"));
  EXPECT_THAT(removed.out, HasSubstr("longest stretch"));
  EXPECT_THAT(listed({"--expired"}), SizeIs(0));
}

TEST_P(CliCtTest, FlushForgetsWhatItIsToldTo) {
  const Pod web("web0", "10.9.1.1");
  must(endpoint::load_endpoint(paths_, request(object("client", 53), web)));
  ASSERT_TRUE(web.reached_from(kClient, 53));
  ASSERT_TRUE(web.reached_from(kClient, 53));
  const auto both = listed();
  ASSERT_THAT(both, SizeIs(2)) << "two sockets, so two ports";
  const auto ours = both[0]["remote"]["port"].dump();
  EXPECT_EQ(ct({"flush", "--port", ours, "--protocol", "tcp"}).out, "0 connections removed\n");
  const auto removed = ct({"flush", "--port", ours, "--address", kClient, "--protocol", "udp"});
  EXPECT_EQ(removed.exit_code, 0) << removed.err;
  EXPECT_EQ(removed.out, "1 connection removed\n");
  const auto left = listed({"--expired"});
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_EQ(left[0]["remote"]["port"], both[1]["remote"]["port"]);
  EXPECT_TRUE(web.reached_from(kClient, 53));
  EXPECT_EQ(ct({"flush", "--all"}).out, "2 connections removed\n");
  EXPECT_THAT(listed({"--expired"}), SizeIs(0));

  EXPECT_EQ(ct({"flush"}).exit_code, 2);
  EXPECT_EQ(ct({"flush", "--all", "--port", "53"}).exit_code, 2);
  EXPECT_EQ(ct({"flush", "--address", "nowhere"}).exit_code, 2);
}

TEST_P(CliCtTest, StatusShowsFillAndPressure) {
  const Pod web("web0", "10.9.1.1");
  must(endpoint::load_endpoint(paths_, request(object("client", 53), web)));
  const auto maps = must(maps::NodeMaps::open(paths_.maps()));
  const auto show = [this](const std::string& form) {
    return run_policyc({"status", "-o", form, "--bpffs", paths_.bpffs, "--state-dir", paths_.state})
        .out;
  };
  EXPECT_THAT(show("text"), Not(HasSubstr("was found full")));
  must(maps.ct_pressure.update(0, ct_pressure_value{{3, 0}, 1, 0}));
  EXPECT_THAT(show("text"), HasSubstr("conntrack4 was found full by 3 connections"));
  EXPECT_THAT(show("text"), HasSubstr("conntrack6_overflow 0 of "));
  const auto parsed = json::parse(show("json"));
  EXPECT_EQ(parsed["conntrack_full"]["conntrack4"], 3);
  EXPECT_EQ(parsed["conntrack_overflowed"], true);
  EXPECT_TRUE(parsed["tables"].contains("conntrack4_overflow"));
}

TEST_P(CliCtTest, WhatIsWrongHasItsExitCode) {
  EXPECT_EQ(ct({"list"}).exit_code, 3);
  EXPECT_THAT(ct({"list"}).err, HasSubstr("nothing is loaded"));
  EXPECT_EQ(ct({"gc", "--once"}).exit_code, 3);
  EXPECT_EQ(ct({"gc", "--once", "--interval", "5"}).exit_code, 2);
  EXPECT_EQ(ct({"gc", "--interval", "0"}).exit_code, 2);
  EXPECT_EQ(ct({"list", "--address", "ten"}).exit_code, 2);
  EXPECT_EQ(run_policyc({"ct"}).exit_code, 2);
}

}  // namespace
}  // namespace policyc::testing
