// `policyc doctor`, by running the program.

#include <cstdlib>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sched.h>

#include "loader/kernel/features.h"
#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// In a network namespace of its own, where nothing but the loopback interface is.
class CliDoctor : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::unshare(CLONE_NEWNET), 0); }
  // A tunnel that is too large for its device.
  static void make_problem() {
    ASSERT_EQ(
        std::system("ip link add br0 mtu 1400 type bridge && ip link set br0 up && "
                    "ip addr add 192.0.2.1/24 dev br0 && "
                    "ip route add default via 192.0.2.2 dev br0 && "
                    "ip link add vx0 mtu 1500 type vxlan id 7 dstport 4789 remote 192.0.2.9 && "
                    "ip link set vx0 up"),
        0);
  }
  static Finished doctor(std::vector<std::string> words) {
    words.insert(words.begin(), "doctor");
    words.emplace_back("--cni-conf-dir");
    words.emplace_back("/nowhere");
    return run_policyc(words);
  }
};

TEST_F(CliDoctor, TellsFeaturesAndWhatTheDatapathCosts) {
  const auto done = doctor({});
  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  EXPECT_THAT(done.out, HasSubstr("kernel " + kernel::release() + "\n"));
  for (const kernel::Feature& feature : kernel::probe_features()) {
    EXPECT_THAT(done.out, HasSubstr(std::string(feature.present ? "yes  " : "NO   ") +
                                    std::string(feature.name)));
    if (!feature.present) {
      EXPECT_THAT(done.out, HasSubstr("costs: " + std::string(feature.cost)));
    }
  }
  EXPECT_THAT(done.out, HasSubstr("\n  from_endpoint "));
  EXPECT_THAT(done.out, HasSubstr("policyc can be used here\n"));
}

TEST_F(CliDoctor, JsonSaysTheSame) {
  const auto done = doctor({"-o", "json"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  const auto json = nlohmann::json::parse(done.out);
  EXPECT_EQ(json.at("kernel"), kernel::release());
  EXPECT_EQ(json.at("ready"), true);
  const auto features = kernel::probe_features();
  ASSERT_EQ(json.at("features").size(), features.size());
  for (std::size_t i = 0; i < features.size(); ++i) {
    EXPECT_EQ(json["features"][i].at("name"), features[i].name);
    EXPECT_EQ(json["features"][i].at("present"), features[i].present);
    EXPECT_EQ(json["features"][i].at("need"), kernel::need_name(features[i].need));
    EXPECT_EQ(json["features"][i].at("fix"), features[i].fix);
  }
  ASSERT_GE(json.at("datapath").at("programs").size(), 4U);
  EXPECT_GT(json["datapath"]["programs"][0].at("verified_instructions"), 0);
}

TEST_F(CliDoctor, SaysWhatTheOtherPartsFind) {
  const auto good = doctor({});
  EXPECT_EQ(good.exit_code, 0) << good.out << good.err;
  EXPECT_THAT(good.out, HasSubstr("\nnetwork: 0 problems, "));
  EXPECT_THAT(good.out, HasSubstr("\nkube-proxy: "));
  make_problem();
  const auto bad = doctor({});
  EXPECT_EQ(bad.exit_code, 1) << bad.err;
  EXPECT_THAT(bad.out, HasSubstr("\nnetwork: 1 problem, "));
  EXPECT_THAT(bad.out, HasSubstr("policyc can be loaded here, but the network has problems\n"));
  EXPECT_THAT(bad.out, Not(HasSubstr("policyc can be used here")));
  const auto json = nlohmann::json::parse(doctor({"-o", "json"}).out);
  EXPECT_EQ(json.at("ready"), false);
  EXPECT_EQ(json.at("network").at("problems"), 1);
  EXPECT_TRUE(json.at("kube_proxy").contains("findings"));
}

TEST_F(CliDoctor, NetworkOfANodeWithoutPods) {
  // What others have at the sockets of this machine is no part of this.
  const auto none = nlohmann::json::parse(doctor({"network", "-o", "json"}).out);
  for (const auto& finding : none.at("findings")) EXPECT_EQ(finding.at("topic"), "hooks");
  make_problem();
  const auto wrong = doctor({"network", "-o", "json"});
  EXPECT_EQ(wrong.exit_code, 1) << wrong.out << wrong.err;
  const auto json = nlohmann::json::parse(wrong.out);
  ASSERT_FALSE(json.at("findings").empty());
  EXPECT_EQ(json["findings"][0].at("severity"), "problem");
  EXPECT_EQ(json["findings"][0].at("subject"), "vx0");
  EXPECT_EQ(json["findings"][0].at("fix"), "ip link set dev vx0 mtu 1350");
}

TEST_F(CliDoctor, AnotherFormIsAMistake) {
  EXPECT_EQ(doctor({"network", "-o", "yaml"}).exit_code, 2);
  EXPECT_EQ(doctor({"-o", "yaml"}).exit_code, 2);
}

}  // namespace
}  // namespace policyc::testing
