// With plugins of Debian's containernetworking-plugins: addresses from host-local, and a list of
// plugins run as a container runtime runs it.

#include <algorithm>
#include <filesystem>

#include "tests/unit/cni/fake_agent.h"
#include "tests/unit/cni/world.h"

namespace policyc::testing {
namespace {

using Texts = std::vector<std::string>;

class CniChainTest : public CniTest {
 protected:
  // One plugin of a list, with what a runtime adds to its configuration.
  Ran run_one(const std::string& command, const Container& container, Json plugin, const Json& list,
              const Json& previous, const std::map<std::string, std::string>& more = {}) const {
    plugin["name"] = list["name"];
    plugin["cniVersion"] = list["cniVersion"];
    if (!previous.is_null()) plugin["prevResult"] = previous;
    const std::string type = plugin["type"];
    std::map<std::string, std::string> environment{
        {"CNI_COMMAND", command},        {"CNI_CONTAINERID", container.id()},
        {"CNI_NETNS", container.path()}, {"CNI_IFNAME", "eth0"},
        {"CNI_PATH", "/usr/lib/cni"},    {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}};
    for (const auto& [name, value] : more) environment[name] = value;
    return run_plugin(type == "policyc-cni" ? POLICYC_CNI_BINARY : "/usr/lib/cni/" + type,
                      environment, plugin.dump());
  }
  // In order, each with the result of the one before; the last result, or the first error.
  Ran add_list(const Container& container, const Json& list) const {
    Ran last;
    Json previous;
    for (const Json& plugin : list["plugins"]) {
      last = run_one("ADD", container, plugin, list, previous,
                     {{"CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0"}});
      if (last.exit_code != 0) return last;
      previous = last.json;
    }
    return last;
  }
  Ran check_list(const Container& container, const Json& list, const Json& result) const {
    Ran last;
    for (const Json& plugin : list["plugins"]) {
      // portmap 1.1.1 looks for rules of IPv6 that it did not make.
      if (plugin["type"] == "portmap") continue;
      last = run_one("CHECK", container, plugin, list, result);
      if (last.exit_code != 0) break;
    }
    return last;
  }
  // In reverse; all of them, also after an error.
  Texts delete_list(const Container& container, const Json& list, const Json& result) const {
    Texts errors;
    for (auto plugin = list["plugins"].rbegin(); plugin != list["plugins"].rend(); ++plugin) {
      const Ran ran = run_one("DEL", container, *plugin, list, result);
      if (ran.exit_code != 0) errors.push_back(ran.output);
    }
    return errors;
  }
  [[nodiscard]] Json list() const {
    return {
        {"cniVersion", "1.0.0"},
        {"name", "chained"},
        {"plugins",
         {{{"type", "bridge"},
           {"bridge", "cni-test0"},
           {"isGateway", true},
           {"ipam",
            {{"type", "host-local"},
             {"dataDir", (folder_ / "local").string()},
             {"ranges", {{{{"subnet", "10.9.0.0/24"}}}}},
             {"routes", {{{"dst", "0.0.0.0/0"}}}}}}},
          {{"type", "policyc-cni"}, {"chaining-mode", "generic-veth"}, {"agent-socket", socket_}},
          {{"type", "portmap"},
           {"capabilities", {{"portMappings", true}}},
           {"runtimeConfig",
            {{"portMappings",
              {{{"hostPort", 8080}, {"containerPort", 7777}, {"protocol", "udp"}}}}}}},
          {{"type", "bandwidth"}, {"ingressRate", 1000000}, {"ingressBurst", 1000000}}}}};
  }
  void TearDown() override { static_cast<void>(std::system("ip link del cni-test0 2>/dev/null")); }
};

TEST_F(CniChainTest, AListOfPluginsIsEnforcedAndTakenDown) {
  FakeAgent agent(socket_);
  const Container a("a"), b("b");
  const Ran added = add_list(a, list());
  ASSERT_EQ(added.exit_code, 0) << added.output;
  ASSERT_EQ(agent.added().size(), 1U);
  const v1::AddEndpointRequest request = agent.added()[0];
  const Json eth0 = a.interface();
  EXPECT_TRUE(is_up(eth0));
  EXPECT_EQ(request.mac(), eth0["address"]);
  EXPECT_EQ(request.pod_name(), "web-0");
  EXPECT_EQ(request.network(), "chained");
  ASSERT_EQ(request.addresses_size(), 1);
  EXPECT_EQ(addresses_of(eth0), Texts{request.addresses(0) + "/24"});
  // The host's side is the other end of the container's.
  EXPECT_EQ(Json::parse(output_of("ip -j link show " + request.host_interface()))[0]["ifindex"],
            eth0["link_index"]);
  EXPECT_EQ(used_addresses(), Texts{});

  const Ran other = add_list(b, list());
  ASSERT_EQ(other.exit_code, 0) << other.output;
  const auto address_of = [](const Ran& ran) {
    const std::string text = ran.json["ips"][0]["address"];
    return text.substr(0, text.find('/'));
  };
  EXPECT_TRUE(reaches(&a, &b, address_of(other)));
  EXPECT_TRUE(reaches(nullptr, &a, address_of(added)));

  EXPECT_EQ(check_list(a, list(), added.json).output, "");
  agent.on_check = [](const auto&) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "of the test");
  };
  EXPECT_EQ(check_list(a, list(), added.json).code(), 103);
  EXPECT_EQ(delete_list(a, list(), added.json), Texts{});
  EXPECT_EQ(agent.known(), Texts{"b/eth0"});
  EXPECT_EQ(delete_list(a, list(), added.json), Texts{});  // again
  EXPECT_EQ(delete_list(b, list(), other.json), Texts{});
  EXPECT_EQ(agent.known(), Texts{});
  EXPECT_TRUE(a.interface().is_null());
}

// The plugin that made the interface removes it later: until then nothing passes.
TEST_F(CniChainTest, CollectionCutsOffWhomItForgets) {
  FakeAgent agent(socket_);
  const Container a("a"), b("b");
  ASSERT_EQ(add_list(a, list()).exit_code, 0);
  ASSERT_EQ(add_list(b, list()).exit_code, 0);
  const auto is_up_outside = [&agent](std::size_t which) {
    const std::string link =
        output_of("ip -j link show " + agent.added().at(which).host_interface());
    return is_up(Json::parse(link)[0]);
  };
  bool was_up = true;
  agent.on_collect = [&] { was_up = is_up_outside(1); };
  Json plugin = list()["plugins"][1];
  plugin["name"] = list()["name"];
  plugin["cniVersion"] = "1.1.0";
  plugin["cni.dev/valid-attachments"] = {{{"containerID", "a"}, {"ifname", "eth0"}}};
  const Ran collected = run_plugin(
      POLICYC_CNI_BINARY, {{"CNI_COMMAND", "GC"}, {"CNI_PATH", "/usr/lib/cni"}}, plugin.dump());
  EXPECT_EQ(collected.exit_code, 0) << collected.output;
  EXPECT_FALSE(was_up) << "forgotten first";
  EXPECT_EQ(agent.known(), Texts{"a/eth0"});
  EXPECT_TRUE(is_up_outside(0));
  EXPECT_FALSE(is_up_outside(1));
}

TEST_F(CniChainTest, TheResultIsPassedOnAsItCame) {
  FakeAgent agent(socket_);
  const Container container("a");
  const Json plugins = list()["plugins"];
  const Ran bridge = run_one("ADD", container, plugins[0], list(), nullptr);
  ASSERT_EQ(bridge.exit_code, 0) << bridge.output;
  const Ran own = run_one("ADD", container, plugins[1], list(), bridge.json);
  ASSERT_EQ(own.exit_code, 0) << own.output;
  EXPECT_EQ(Json::parse(own.json.dump())["ips"], bridge.json["ips"]);
  EXPECT_EQ(own.json["interfaces"].size(), bridge.json["interfaces"].size());
  EXPECT_EQ(own.json["routes"], bridge.json["routes"]);
  // Without a mode: who gives no addresses is chained.
  Json implied = plugins[1];
  implied.erase("chaining-mode");
  EXPECT_EQ(run_one("ADD", container, implied, list(), bridge.json).exit_code, 0);
  EXPECT_EQ(agent.added().size(), 2U);
  EXPECT_EQ(delete_list(container, list(), own.json), Texts{});
}

TEST_F(CniChainTest, WhenTheAgentIsAwayTheChainFailsAndIsTakenDown) {
  const Container container("a");
  const Ran added = add_list(container, list());
  EXPECT_EQ(added.code(), 11) << added.output;
  EXPECT_EQ(delete_list(container, list(), nullptr), Texts{});
  EXPECT_TRUE(container.interface().is_null());
}

TEST_F(CniChainTest, AnInterfaceThatCannotBeEnforcedIsRefused) {
  FakeAgent agent(socket_);
  const Container container("a");
  const Json plugin = list()["plugins"][1];
  const Json result{{"cniVersion", "1.0.0"},
                    {"interfaces", {{{"name", "eth0"}, {"sandbox", container.path()}}}},
                    {"ips", {{{"interface", 0}, {"address", "10.9.0.7/24"}}}}};
  EXPECT_EQ(run_one("ADD", container, plugin, list(), result).code(), 7);  // there is none
  static_cast<void>(container.run("ip link add eth0 type bridge"));
  EXPECT_EQ(run_one("ADD", container, plugin, list(), result).code(), 7);  // no veth
  static_cast<void>(container.run("ip link del eth0; ip link add eth0 type veth peer name other"));
  EXPECT_EQ(run_one("ADD", container, plugin, list(), result).code(),
            7);  // other end not on the host
  EXPECT_TRUE(agent.added().empty());
}

TEST_F(CniChainTest, AddressesComeFromAnotherPluginWhenItIsNamed) {
  FakeAgent agent(socket_);
  const Container container("a");
  Json delegated = config("1.0.0");
  delegated["ipam"] = {{"type", "host-local"},
                       {"dataDir", (folder_ / "local").string()},
                       {"ranges", {{{{"subnet", "10.8.0.0/24"}}}, {{{"subnet", "fd08::/64"}}}}}};
  const auto reserved = [&] {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "local" / "testnet")) {
      const std::string name = entry.path().filename();
      count += name.starts_with("10.8.") || name.starts_with("fd08") ? 1U : 0U;
    }
    return count;
  };
  const Ran added = run("ADD", container, delegated);
  ASSERT_EQ(added.exit_code, 0) << added.output;
  EXPECT_EQ(addresses_of(container.interface()), (Texts{"10.8.0.2/32", "fd08::2/128"}));
  EXPECT_EQ(reserved(), 2U);
  Json with_result = delegated;
  with_result["prevResult"] = added.json;
  EXPECT_EQ(run("CHECK", container, with_result).output, "");
  EXPECT_EQ(run("DEL", container, with_result).exit_code, 0);
  EXPECT_EQ(reserved(), 0U);
  // What fails later is given back there.
  agent.on_add = [](const auto&) {
    return grpc::Status(grpc::StatusCode::INTERNAL, "of the test");
  };
  EXPECT_EQ(run("ADD", container, delegated).code(), 102);
  EXPECT_EQ(reserved(), 0U);
  EXPECT_EQ(host_interfaces(), Texts{});
  // Its error is ours.
  delegated["ipam"]["ranges"] = {{{{"subnet", "nonsense"}}}};
  const Ran failed = run("ADD", container, delegated);
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_NE(failed.output.find("host-local"), std::string::npos) << failed.output;
}

}  // namespace
}  // namespace policyc::testing
