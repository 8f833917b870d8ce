// The protocol without any container: environment, configuration, versions, codes.

#include <filesystem>

#include "tests/unit/cni/world.h"

namespace policyc::testing {
namespace {

class CniProtocolTest : public CniTest {
 protected:
  // ADD with these variables and this text; a code of 0: no error.
  Ran ask(std::map<std::string, std::string> changes, const std::string& text) const {
    std::map<std::string, std::string> environment{{"CNI_COMMAND", "ADD"},
                                                   {"CNI_CONTAINERID", "one"},
                                                   {"CNI_NETNS", "/nowhere"},
                                                   {"CNI_IFNAME", "eth0"},
                                                   {"CNI_PATH", "/nowhere"}};
    for (const auto& [name, value] : changes) environment[name] = value;
    return run_plugin(POLICYC_CNI_BINARY, environment, text);
  }
  // Expects an error in the form that the specification asks for.
  void expect_error(const Ran& ran, int code, const std::string& part) const {
    EXPECT_EQ(ran.exit_code, 1) << ran.output;
    ASSERT_TRUE(ran.json.is_object()) << ran.output;
    EXPECT_EQ(ran.code(), code) << ran.output;
    EXPECT_NE(ran.output.find(part), std::string::npos) << part << " in " << ran.output;
    EXPECT_FALSE(ran.json["cniVersion"].get<std::string>().empty());
  }
  // The configuration with a change.
  template <class Change>
  std::string with(Change change) const {
    Json json = config();
    change(json);
    return json.dump();
  }
};

TEST_F(CniProtocolTest, VersionNamesWhatIsSupported) {
  const Ran ran = ask({{"CNI_COMMAND", "VERSION"}}, R"({"cniVersion":"0.4.0"})");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.json["cniVersion"], "0.4.0");
  EXPECT_EQ(ran.json["supportedVersions"],
            (Json{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}));
  EXPECT_EQ(ask({{"CNI_COMMAND", "VERSION"}}, "").json["cniVersion"], "1.1.0");
}

TEST_F(CniProtocolTest, TheEnvironmentIsChecked) {
  const std::string text = config().dump();
  expect_error(ask({{"CNI_COMMAND", ""}}, text), 4, "CNI_COMMAND");
  expect_error(ask({{"CNI_COMMAND", "MOVE"}}, text), 4, "MOVE");
  expect_error(ask({{"CNI_CONTAINERID", ""}}, text), 4, "CNI_CONTAINERID");
  expect_error(ask({{"CNI_CONTAINERID", "../one"}}, text), 4, "../one");
  expect_error(ask({{"CNI_CONTAINERID", "a b"}}, text), 4, "a b");
  expect_error(ask({{"CNI_IFNAME", ""}}, text), 4, "CNI_IFNAME");
  for (const char* name : {"..", "a/b", "a:b", "a b", "sixteencharacter"})
    expect_error(ask({{"CNI_IFNAME", name}}, text), 4, name);
  expect_error(ask({{"CNI_NETNS", ""}}, text), 4, "CNI_NETNS");
  expect_error(ask({{"CNI_COMMAND", "CHECK"}, {"CNI_NETNS", ""}}, text), 4, "CNI_NETNS");
  expect_error(ask({{"CNI_ARGS", "K8S_POD_NAME"}}, text), 4, "K8S_POD_NAME");
  expect_error(ask({}, text), 3, "/nowhere");
  expect_error(ask({{"CNI_NETNS", "/dev/null"}}, text), 3, "/dev/null");
  // The plugin's own namespace, which is the host's.
  expect_error(ask({{"CNI_NETNS", "/proc/self/ns/net"}}, text), 4, "host");
}

TEST_F(CniProtocolTest, WhatIsNotAConfigurationIsRefused) {
  for (const char* text : {"", "nonsense", "[]", "7", R"({"name":)"})
    expect_error(ask({}, text), 6, "configuration");
  expect_error(ask({}, with([](Json& json) { json["cniVersion"] = "2.0.0"; })), 1, "2.0.0");
  expect_error(
      ask({{"CNI_COMMAND", "CHECK"}}, with([](Json& json) { json["cniVersion"] = "0.3.1"; })), 1,
      "0.4.0");
  for (const char* command : {"GC", "STATUS"})
    expect_error(
        ask({{"CNI_COMMAND", command}}, with([](Json& json) { json["cniVersion"] = "1.0.0"; })), 1,
        "1.1.0");
}

TEST_F(CniProtocolTest, EachWrongKeyIsNamed) {
  const auto wrong = [&](const std::string& part, const auto& change) {
    expect_error(ask({}, with(change)), 7, part);
  };
  wrong("name", [](Json& json) { json.erase("name"); });
  wrong("../up", [](Json& json) { json["name"] = "../up"; });
  wrong("name", [](Json& json) { json["name"] = 7; });
  wrong("type", [](Json& json) { json.erase("type"); });
  wrong("mtu", [](Json& json) { json["mtu"] = 60; });
  wrong("mtu", [](Json& json) { json["mtu"] = "1500"; });
  wrong("mtu", [](Json& json) { json["mtu"] = 70000; });
  wrong("enable-debug", [](Json& json) { json["enable-debug"] = "yes"; });
  wrong("enable-route-mtu", [](Json& json) { json["enable-route-mtu"] = 1; });
  wrong("log-format", [](Json& json) { json["log-format"] = "xml"; });
  wrong("chaining-mode", [](Json& json) { json["chaining-mode"] = "aws-cni"; });
  wrong("agent-timeout", [](Json& json) { json["agent-timeout"] = 0; });
  wrong("app", [](Json& json) { json["args"]["cni"]["labels"] = {{"app", 7}}; });
  wrong("args", [](Json& json) { json["args"] = "x"; });
  wrong("ipam.type", [](Json& json) { json["ipam"].erase("type"); });
  wrong("a/b", [](Json& json) { json["ipam"]["type"] = "a/b"; });
  wrong("there are no ranges", [](Json& json) { json["ipam"].erase("ranges"); });
  wrong("10.7.0.0/33",
        [](Json& json) { json["ipam"]["ranges"] = {{{{"subnet", "10.7.0.0/33"}}}}; });
  wrong("rangeStart", [](Json& json) {
    json["ipam"]["ranges"] = {{{{"subnet", "10.7.0.0/24"}, {"rangeStart", "x"}}}};
  });
  wrong("exclude", [](Json& json) {
    json["ipam"]["ranges"] = {{{{"subnet", "10.7.0.0/24"}, {"exclude", {"x"}}}}};
  });
  wrong("ranges", [](Json& json) { json["ipam"]["ranges"] = {{{"subnet", "10.7.0.0/24"}}}; });
  wrong("overlap", [](Json& json) {
    json["ipam"]["ranges"] = {{{{"subnet", "10.7.0.0/24"}}, {{"subnet", "10.7.0.0/25"}}}};
  });
  wrong("prevResult", [](Json& json) { json["prevResult"] = {{"ips", Json::array()}}; });
  wrong("prevResult", [](Json& json) { json["chaining-mode"] = "generic-veth"; });
  wrong("prevResult", [](Json& json) {
    json["chaining-mode"] = "generic-veth";
    json["prevResult"] = {{"ips", {{{"address", "nonsense"}}}}};
  });
}

TEST_F(CniProtocolTest, ThePluginForAddressesHasToBeThere) {
  const Container container("one");
  const Ran ran =
      run("ADD", container,
          Json::parse(with([](Json& json) { json["ipam"] = {{"type", "not-there"}}; })));
  expect_error(ran, 104, "not-there");
  EXPECT_EQ(host_interfaces(), std::vector<std::string>{});
}

TEST_F(CniProtocolTest, ThePluginIsSmall) {
  // It runs once for each pod: neither compiler nor datapath comes with it.
  const std::string libraries =
      output_of(std::string("ldd ") + POLICYC_CNI_BINARY + " 2>&1 || true");
  for (const char* name : {"LLVM", "clang", "antlr", "yaml", "libbpf"})
    EXPECT_EQ(libraries.find(name), std::string::npos) << libraries;
  EXPECT_LT(std::filesystem::file_size(POLICYC_CNI_BINARY), std::uintmax_t{64} << 20);
}

}  // namespace
}  // namespace policyc::testing
