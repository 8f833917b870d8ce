// The API of policyd: that every call of it answers, and through which commands; who may call.

#include <fstream>
#include <mutex>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/nat/devices.h"
#include "tests/e2e/agent/agent_node.h"
#include "tests/e2e/agent/page.h"

namespace policyc::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uid_t kNobody = 65534;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::set<std::string> matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match)
    found.insert((*match)[1]);
  return found;
}

class ApiTest : public AgentNode {
 protected:
  static void SetUpTestSuite() {
    static std::once_flag once;  // two suites share the namespace
    std::call_once(once, [] { AgentNode::SetUpTestSuite(); });
  }
  void TearDown() override {
    agent_.reset();
    EXPECT_TRUE(nat::detach_all(paths_).has_value());
    AgentNode::TearDown();
  }
  // The node balances services, and translates at a device.
  void start_with_services() {
    shell("ip addr replace 198.51.100.1/32 dev front0");
    write("service.yaml", service("10.9.1.1"));
    start_synced({"--kube-proxy-replacement", "true", "--devices", "front0", "--node-address",
                  "198.51.100.1", "--conntrack-gc-interval", "100ms"});
  }
  static std::string service(const std::string& backend) {
    return "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {type: "
           "NodePort, clusterIP: 172.20.0.1, ports: [{name: dns, protocol: UDP, port: 53, "
           "nodePort: 30053}]}\n---\napiVersion: discovery.k8s.io/v1\nkind: "
           "EndpointSlice\nmetadata: {name: web-1, namespace: shop, labels: "
           "{kubernetes.io/service-name: web}}\naddressType: IPv4\nports: [{name: dns, protocol: "
           "UDP, port: 53}]\nendpoints:\n- {addresses: [" +
           backend + "], nodeName: n1, conditions: {ready: true}}\n";
  }
  [[nodiscard]] std::string run(std::vector<std::string> arguments, int code = 0) const {
    arguments.insert(arguments.begin(), POLICYC_BINARY);
    test::ChildProcess command(arguments);
    EXPECT_EQ(command.wait(), code) << command.output();
    return command.output();
  }
  [[nodiscard]] std::string ask(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--socket", socket().string()});
    return run(arguments);
  }
  [[nodiscard]] nlohmann::json json_of(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-o", "json"});
    return nlohmann::json::parse(ask(arguments));
  }
  void call_everything(const Pod& web) {
    EXPECT_TRUE(client_->status());
    EXPECT_TRUE(client_->config());
    ASSERT_TRUE(add(web, "web"));
    EXPECT_TRUE(client_->check(ref("web")));
    EXPECT_EQ(client_->endpoints()->endpoints_size(), 1);
    EXPECT_EQ(client_->policies()->policies_size(), 1);
    EXPECT_NE(client_->identities()->identities_size(), 0);
    EXPECT_NE(client_->addresses()->addresses_size(), 0);
    EXPECT_EQ(client_->services()->services_size(), 1);
    EXPECT_NE(client_->maps()->maps_size(), 0);
    v1::CollectEndpointsRequest collect;
    collect.set_network("pods");
    *collect.add_valid() = ref("web");
    EXPECT_EQ(client_->collect(collect)->removed_size(), 0);
    EXPECT_FALSE(client_->remove(ref("nobody"))->existed());
    EXPECT_TRUE(client_->flows({}, [](const std::string&) { return true; }));
  }
  // Another policy, other peers, a service that changes and goes: whatever there is to count.
  void change_everything(const Pod& web) {
    EXPECT_FALSE(web.reached_from(kOther, 53));
    EXPECT_TRUE(web.reached_from(kClient, 53));
    const auto change = [this](const std::string& file, const std::string& text) {
      const auto before = revision();
      text.empty() ? remove(file) : write(file, text);
      ASSERT_TRUE(past(before));
    };
    change("web.yaml", allow("client", 54));
    change("more.yaml", pod_yaml("more", "10.9.0.77", "client"));
    change("service.yaml", service("10.9.1.2"));
    change("service.yaml", "");
  }

  Pod outside_{"front0", "198.51.100.9"};
};

TEST_F(ApiTest, EveryCallAnswersAndIsTimed) {
  write("web.yaml", allow("client", 53));
  start_with_services();
  const Pod web("web0", "10.9.1.1");
  call_everything(web);
  const std::string description = text_of(POLICYC_SOURCE "/loader/api/policyd.proto");
  auto unary = matches(description, R"(rpc (\w+)\()");
  EXPECT_THAT(unary, Contains("StreamFlows"));
  unary.erase("StreamFlows");
  EXPECT_EQ(
      matches(
          page("/metrics"),
          R"re(cilium_api_process_time_seconds_count\{.*method="(\w+)".*return_code="0".*\})re"),
      unary);
  // What is refused counts, too.
  v1::EndpointRef bad;
  EXPECT_FALSE(client_->check(bad));
  EXPECT_THAT(
      matches(
          page("/metrics"),
          R"re(cilium_api_process_time_seconds_count\{.*method="(\w+)".*return_code="3".*\})re"),
      Contains("CheckEndpoint"));
}

TEST_F(ApiTest, EveryListIsACommand) {
  write("web.yaml", allow("client", 53));
  start_with_services();
  const Pod web("web0", "10.9.1.1");
  ASSERT_TRUE(add(web, "web"));
  EXPECT_EQ(json_of({"status"})["policies"], "1");
  EXPECT_EQ(json_of({"endpoint", "list"})["endpoints"].size(), 1U);
  EXPECT_EQ(json_of({"endpoint", "get", "shop/web"})["podName"], "web");
  EXPECT_NE(json_of({"identity", "list"})["identities"].size(), 0U);
  EXPECT_EQ(json_of({"policy", "list"})["policies"].size(), 1U);
  EXPECT_NE(json_of({"ip", "list"})["addresses"].size(), 0U);
  const auto config = json_of({"config"});
  EXPECT_EQ(config["kube-proxy-replacement"], true);
  EXPECT_EQ(config["devices"], nlohmann::json({"front0"}));
  EXPECT_THAT(ask({"config"}), HasSubstr("conntrack-gc-interval"));
  std::map<std::string, nlohmann::json> maps;
  const auto listed = json_of({"map", "list"});
  for (const auto& map : listed["maps"]) maps[map["name"]] = map;
  for (const auto& [name, entries] : std::map<std::string, std::string>{
           {"endpoints", "1"}, {"backends", "1"}, {"services", "1"}, {"nat4", "0"}})
    EXPECT_EQ(maps[name]["entries"], entries) << name;
  EXPECT_NE(maps["frontends4"]["entries"], "0");
  EXPECT_EQ(maps["conntrack4"]["capacity"], "1024");
  EXPECT_THAT(ask({"map", "list"}), HasSubstr("endpoints_beyond"));
}

// The same lists, asked of the agent and read from its maps.
TEST_F(ApiTest, ServicesAreListedEitherWay) {
  start_with_services();
  const std::vector<std::string> folders{"--state-dir", paths_.state, "--bpffs", paths_.bpffs};
  for (std::vector<std::string> command : {std::vector<std::string>{"service", "list"},
                                           {"service", "list", "-o", "json"},
                                           {"service", "get", "shop/web"},
                                           {"service", "get", "shop/web", "-o", "json"}}) {
    const std::string asked = ask(command);
    EXPECT_THAT(asked, HasSubstr("shop/web"));
    if (command.back() == "json") {
      EXPECT_FALSE(nlohmann::json::parse(asked).empty());
    }
    command.insert(command.end(), folders.begin(), folders.end());
    EXPECT_EQ(asked, run(command));
  }
}

TEST_F(ApiTest, TheDocumentedMetricsAreThoseThatAreServed) {
  write("web.yaml", allow("client", 53));
  start_with_services();
  const Pod web("web0", "10.9.1.1");
  call_everything(web);
  change_everything(web);
  const std::string document = text_of(POLICYC_SOURCE "/docs/agent.md");
  const auto start = document.find("\n## Metrics\n");
  const std::string section = document.substr(start, document.find("\n## ", start + 1) - start);
  std::set<std::string> documented;
  for (const std::string& row : matches(section, R"(\n\| (`[^|]*) \|)")) {
    for (const std::string& name : matches(row, "`(cilium_[a-z0-9_]+)`")) documented.insert(name);
  }
  const auto served = [] { return matches(page("/metrics"), R"(# TYPE (\w+) )"); };
  EXPECT_TRUE(eventually([&] { return served() == documented; }, 10s));
  EXPECT_EQ(served(), documented);
}

TEST_F(ApiTest, MetricsCountWhatHappened) {
  write("web.yaml", allow("client", 53));
  start_with_services();
  const Pod web("web0", "10.9.1.1");
  ASSERT_TRUE(add(web, "web"));
  change_everything(web);
  const auto has = [](const std::string& line) {
    return eventually([&] { return page("/metrics").find("\n" + line) != std::string::npos; }, 10s);
  };
  for (const char* line :
       {"cilium_services_events_total{action=\"add\"} 1\n",
        "cilium_services_events_total{action=\"update\"} 1\n",
        "cilium_services_events_total{action=\"delete\"} 1\n",
        "cilium_service_implementation_delay_count{action=\"update\"} 1\n",
        "cilium_service_implementation_delay_count{action=\"delete\"} 1\n",
        "cilium_policy_implementation_delay_count{source=\"directory\"} ",
        "cilium_policy_incremental_update_duration_count{scope=\"global\"} 1\n",
        "cilium_policy_endpoint_enforcement_status{enforcement=\"ingress\"} 1\n",
        "cilium_policy_endpoint_enforcement_status{enforcement=\"none\"} 0\n",
        "cilium_identity_label_sources{source=\"k8s\"} ",
        "cilium_bpf_ratelimit_dropped_total{usage=\"events_map\"} 0\n",
        "cilium_bpf_map_pressure{map_name=\"nat4\"} 0\n",
        "cilium_endpoint_restoration_endpoints{outcome=\"total\",phase=\"regeneration\"} 0\n"})
    EXPECT_TRUE(has(line)) << line << page("/metrics");
  for (const char* name : {"maps", "progs"})
    EXPECT_TRUE(has(std::string("cilium_bpf_") + name + "_virtual_memory_max_bytes ")) << name;
  EXPECT_THAT(page("/metrics"), Not(HasSubstr("_virtual_memory_max_bytes 0\n")));
  kill();
  start_with_services();
  EXPECT_TRUE(has(
      "cilium_endpoint_restoration_endpoints{outcome=\"successful\",phase=\"regeneration\"} 1\n"));
  EXPECT_TRUE(
      has("cilium_endpoint_restoration_endpoints{outcome=\"total\",phase=\"read_from_disk\"} 1\n"));
}

// The agent at a socket in that folder.
class SocketTest : public ApiTest {
 protected:
  void SetUp() override {
    ApiTest::SetUp();
    // Whose rights do not decide here.
    std::filesystem::permissions(paths_.state, std::filesystem::perms(0755));
    folder_ = paths_.state / "api";
  }
  void start_there() {
    auto arguments = command();
    *(std::ranges::find(arguments, "--socket-path") + 1) = there().string();
    std::ofstream(paths_.state / "policyd.yaml") << "# all defaults\n";
    agent_ = std::make_unique<test::ChildProcess>(arguments);
    client_ = std::make_unique<api::Client>(there());
  }
  [[nodiscard]] bool answers() {
    return eventually([this] { return client_->status(2s).has_value() || is_dead(); }) &&
           !is_dead();
  }
  [[nodiscard]] std::filesystem::path there() const { return folder_ / "policyd.sock"; }
  static mode_t mode_of(const std::filesystem::path& path) {
    struct stat info{};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_mode & 07777;
  }
  // What a list says to another user.
  [[nodiscard]] std::string asked_by_nobody() const {
    const auto copy = paths_.state / "policyc";  // the build tree may be closed to others
    std::filesystem::copy_file(POLICYC_BINARY, copy,
                               std::filesystem::copy_options::overwrite_existing);
    test::ChildProcess command({copy, "policy", "list", "--socket", there()}, kNobody);
    EXPECT_EQ(command.wait(), 3);
    return command.output();
  }
  std::filesystem::path folder_;
};

TEST_F(SocketTest, IsForRootAlone) {
  start_there();
  ASSERT_TRUE(answers());
  EXPECT_EQ(mode_of(folder_), 0700U);
  EXPECT_EQ(mode_of(there()), 0600U);
  EXPECT_THAT(asked_by_nobody(), HasSubstr("Permission denied"));
  std::filesystem::permissions(folder_, std::filesystem::perms(0755));
  EXPECT_THAT(asked_by_nobody(), HasSubstr("Permission denied"));
  // Rights that somebody widened do not help: the agent looks at who it is.
  std::filesystem::permissions(there(), std::filesystem::perms(0666));
  EXPECT_THAT(asked_by_nobody(), HasSubstr("UNAVAILABLE"));
  EXPECT_TRUE(client_->status());
}

TEST_F(SocketTest, AFolderThatOthersMayReadIsFine) {
  std::filesystem::create_directory(folder_);
  std::filesystem::permissions(folder_, std::filesystem::perms(0755));
  start_there();
  ASSERT_TRUE(answers());
  EXPECT_EQ(mode_of(folder_), 0755U);
  EXPECT_EQ(mode_of(there()), 0600U);
}

TEST_F(SocketTest, AFolderThatOthersMayWriteToIsRefused) {
  std::filesystem::create_directory(folder_);
  const auto refused = [this] {
    start_there();
    EXPECT_EQ(agent_->wait(), 3);
    EXPECT_THAT(agent_->output(), HasSubstr("others than root may write to " + folder_.string()));
    EXPECT_FALSE(std::filesystem::exists(there()));
  };
  for (const mode_t mode : {0777U, 01777U, 0775U}) {
    ASSERT_EQ(::chmod(folder_.c_str(), mode), 0);
    refused();
    EXPECT_EQ(mode_of(folder_), mode) << "it is not the agent's to change";
  }
  ASSERT_EQ(::chmod(folder_.c_str(), 0700), 0);
  ASSERT_EQ(::chown(folder_.c_str(), kNobody, kNobody), 0);
  refused();
}

}  // namespace
}  // namespace policyc::testing
