// loader/agent/config: a file, flags, and what is wrong with them.

#include "loader/agent/config.h"

#include <fstream>

#include <gmock/gmock.h>

#include "loader/agent/node_services.h"
#include "tests/support/temporary_folder.h"

namespace policyc::testing {
namespace {

using agent::Config;
using agent::Flag;
using ::testing::HasSubstr;

std::string error_of(const std::string& text) {
  Config config;
  const auto read = agent::read_config(config, "policyd.yaml", text);
  return read ? "" : read.error().message;
}

TEST(ConfigTest, AFileSetsAndFlagsWin) {
  const TemporaryFolder folder;
  std::ofstream(folder / "policyd.yaml") << "# a comment\n"
                                            "static-cnp-path: /etc/manifests\n"
                                            "enable-policy: always\n"
                                            "allow-localhost: policy\n"
                                            "policy-audit-mode: true\n"
                                            "policy-deny-response: icmp\n"
                                            "node-address: [10.0.0.1, 'fd00::1']\n"
                                            "devices:\n- eth0\n- eth1\n"
                                            "labels: ['k8s:app', 'k8s:!job']\n"
                                            "bpf-ct-max: 4096\n"
                                            "conntrack-gc-interval: 5m\n"
                                            "prometheus-serve-addr: \":9100\"\n";
  const auto config =
      agent::load_config(folder / "policyd.yaml",
                         std::vector<Flag>{{"policy-audit-mode", {"false"}}, {"source", {"/srv"}}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->source_directory, "/srv");
  EXPECT_EQ(config->options.enforcement, policy::Enforcement::Always);
  EXPECT_FALSE(config->options.allow_localhost);
  EXPECT_FALSE(config->audit);
  EXPECT_EQ(config->deny_response, endpoint::DenyResponse::Icmp);
  EXPECT_EQ(config->node_addresses.size(), 2U);
  EXPECT_EQ(config->devices, (std::vector<std::string>{"eth0", "eth1"}));
  EXPECT_EQ(config->options.labels.text(), "k8s:app k8s:!job");
  EXPECT_EQ(config->sizes.conntrack, 4096U);
  EXPECT_EQ(config->conntrack_interval, std::chrono::minutes(5));
  EXPECT_EQ(config->metrics_address, ":9100");
  EXPECT_NE(config->node_name, "") << "the host's";
}

TEST(ConfigTest, EveryMistakeIsNamedWithItsPlace) {
  const std::pair<const char*, const char*> kMistakes[] = {
      {"policy-audit-mode: maybe\n", "policyd.yaml:1:20: policy-audit-mode: `maybe`"},
      {"# first\nnode-adress: 1\n", "policyd.yaml:2:1: `node-adress`: no such setting"},
      {"labels: 'app *x'\n", "policyd.yaml:1:9: labels: `*x`"},
      {"label-prefix-file: /etc/x\n", "policyd.yaml:1:1: `label-prefix-file`: no such setting"},
      {"enable-policy: sometimes\n", "policyd.yaml:1:16: enable-policy: `sometimes`"},
      {"node-address: [10.0.0.1, here]\n", "policyd.yaml:1:15: node-address: `here`"},
      {"bpf-ct-max: 3\n", "policyd.yaml:1:13: bpf-ct-max: `3` is no number from"},
      {"bpf-ct-max: 12x\n", "`12x`"},
      {"conntrack-gc-interval: 5\n", "no time such as"},
      {"devices: [a/b]\n", "no name of an interface"},
      {"policy-deny-response: [icmp, reset]\n", "takes one value"},
      {"devices: {a: 1}\n", "expected a value or a list"},
      {"prometheus-serve-addr: nine\n", "no address such as"},
      {"prometheus-serve-addr: \":99999\"\n", "no number"},
      {"- a\n", "expected a mapping"},
      {"attach: xdp\n", "none of auto, tcx, clsact"},
      {"a: [\n", "policyd.yaml:1:5: error: expected"},
      {"enable-policy: always\nenable-policy: never\n", "policyd.yaml:2:1"},
      {"enable-policy: always\n---\nenable-policy: never\n", "policyd.yaml:3:1: a second document"},
      {"bpf-lb-maglev-table-size: 100\n", "no such table"},
      {"bpf-lb-mode: direct\n", "policyd.yaml:1:14: bpf-lb-mode: `direct` is none of"},
      {"bpf-lb-dsr-dispatch: vxlan\n", "`vxlan` is neither opt nor ipip"},
      {"bpf-lb-dsr-dispatch: geneve\n", "policyd.yaml:1:22: bpf-lb-dsr-dispatch: `geneve` is not"},
  };
  for (const auto& [text, expected] : kMistakes) EXPECT_THAT(error_of(text), HasSubstr(expected));
}

TEST(ConfigTest, AnEmptyFileIsFineAndAMissingOneIsNot) {
  EXPECT_EQ(error_of(""), "");
  EXPECT_EQ(error_of("# nothing\n"), "");
  const auto config = agent::load_config("/nonexistent/policyd.yaml", {});
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("no such file"));
}

TEST(ConfigTest, SettingsThatDoNotGoTogetherAreRefused) {
  const auto error = [](std::vector<Flag> flags) {
    const auto config = agent::load_config(std::nullopt, flags);
    return config ? "" : config.error().message;
  };
  EXPECT_THAT(error({{"socket-lb", {"true"}}}), HasSubstr("needs kube-proxy-replacement"));
  EXPECT_THAT(error({{"enable-bpf-masquerade", {"true"}}}), HasSubstr("needs devices"));
  const auto nat = [&](const char* services, const char* v6) {
    return error({{"enable-nat46x64-gateway", {"true"}},
                  {"kube-proxy-replacement", {services}},
                  {"enable-ipv6", {v6}}});
  };
  EXPECT_EQ(nat("true", "true"), "");
  EXPECT_THAT(nat("false", "true"), HasSubstr("needs kube-proxy-replacement"));
  EXPECT_THAT(nat("true", "false"), HasSubstr("both IP families"));
  EXPECT_THAT(error({{"state-dir", {"run"}}}), HasSubstr("no absolute path"));
  EXPECT_THAT(error({{"nonsense", {"1"}}}), HasSubstr("--`nonsense`"));
}

TEST(ConfigTest, DirectServerReturnIsADevicesBusinessToo) {
  const auto mode = [](const char* forwarding, const char* dispatch) {
    const auto config = agent::load_config(
        std::nullopt,
        std::vector<Flag>{{"bpf-lb-mode", {forwarding}}, {"bpf-lb-dsr-dispatch", {dispatch}}});
    EXPECT_TRUE(config);
    return agent::device_dsr(config.value_or(Config{}));
  };
  EXPECT_EQ(mode("snat", "ipip"), nat::Dsr::Off);
  EXPECT_EQ(mode("dsr", "opt"), nat::Dsr::Option);
  EXPECT_EQ(mode("hybrid", "opt"), nat::Dsr::Option);
  EXPECT_EQ(mode("hybrid", "ipip"), nat::Dsr::Ipip);
}

TEST(ConfigTest, EverySettingCanBeGivenAndIsShown) {
  const std::string json = agent::to_json(Config{});
  for (const agent::Setting& setting : agent::settings())
    EXPECT_THAT(json, HasSubstr("\"" + std::string(setting.name) + "\"")) << setting.name;
}

}  // namespace
}  // namespace policyc::testing
