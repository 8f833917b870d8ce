// `policyc doctor`, by running the program.

#include <cstdlib>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sched.h>

#include "loader/kernel/features.h"
#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;

TEST(CliDoctor, TellsFeaturesAndWhatTheDatapathCosts) {
  const auto done = run_policyc({"doctor"});
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

TEST(CliDoctor, JsonSaysTheSame) {
  const auto done = run_policyc({"doctor", "-o", "json"});
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

// In a network namespace of its own, where nothing but the loopback interface is.
TEST(CliDoctor, NetworkOfANodeWithoutPods) {
  ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
  const auto done = run_policyc({"doctor", "network", "--cni-conf-dir", "/nowhere"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("network: nothing that loses packets"));
  ASSERT_EQ(std::system("ip link add br0 mtu 1400 type bridge && ip link set br0 up && "
                        "ip addr add 192.0.2.1/24 dev br0 && "
                        "ip route add default via 192.0.2.2 dev br0 && "
                        "ip link add vx0 mtu 1500 type vxlan id 7 dstport 4789 remote 192.0.2.9 && "
                        "ip link set vx0 up"),
            0);
  const auto wrong = run_policyc({"doctor", "network", "-o", "json", "--cni-conf-dir", "/nowhere"});
  EXPECT_EQ(wrong.exit_code, 1) << wrong.out << wrong.err;
  const auto json = nlohmann::json::parse(wrong.out);
  ASSERT_EQ(json.at("findings").size(), 1U);
  EXPECT_EQ(json["findings"][0].at("severity"), "problem");
  EXPECT_EQ(json["findings"][0].at("subject"), "vx0");
  EXPECT_EQ(json["findings"][0].at("fix"), "ip link set dev vx0 mtu 1350");
}

TEST(CliDoctor, AnotherFormIsAMistake) {
  EXPECT_EQ(run_policyc({"doctor", "network", "-o", "yaml"}).exit_code, 2);
  EXPECT_EQ(run_policyc({"doctor", "-o", "yaml"}).exit_code, 2);
}

}  // namespace
}  // namespace policyc::testing
