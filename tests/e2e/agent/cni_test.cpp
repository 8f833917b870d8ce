// policyd and policyc-cni together, the plugin run as a container runtime does.

#include <csignal>

#include <gmock/gmock.h>
#include <poll.h>

#include "loader/endpoint/state.h"
#include "tests/e2e/agent/agent_node.h"
#include "tests/unit/cni/container.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Texts = std::vector<std::string>;

// Whoever is allowed may use port 53 of a web pod, and a web pod the client's port 99.
std::string both_directions(const std::string& app = "client") {
  std::string egress = allow("client", 99, "out");
  for (const auto& [from, to] :
       {std::pair("ingress", "egress"), std::pair("fromEndpoints", "toEndpoints")})
    egress.replace(egress.find(from), std::string(from).size(), to);
  return allow(app, 53) + "---\n" + egress;
}

// A datagram every half millisecond, from before the pod exists until this is destroyed.
class Knocking {
 public:
  Knocking(bpf::Fd socket, std::string address, std::uint16_t port)
      : socket_(std::move(socket)), thread_([this, address = std::move(address), port] {
          while (!stopped_) {
            send_datagram(socket_, address, port);
            ++count_;
            std::this_thread::sleep_for(std::chrono::microseconds(500));
          }
        }) {}
  Knocking(const Knocking&) = delete;
  Knocking& operator=(const Knocking&) = delete;
  ~Knocking() {
    stopped_ = true;
    thread_.join();
  }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  bpf::Fd socket_;
  std::atomic<bool> stopped_{false};
  std::atomic<std::size_t> count_{0};
  std::thread thread_;
};

std::size_t received(const bpf::Fd& socket, const std::string& sender) {
  std::size_t count = 0;
  for (pollfd waiting{socket.get(), POLLIN, 0}; ::poll(&waiting, 1, 0) == 1;)
    count += sender_of_next(socket) == sender;
  return count;
}

class CniAgentTest : public AgentNode {
 protected:
  static void SetUpTestSuite() {
    AgentNode::SetUpTestSuite();
    add_host_address("192.0.2.1");
  }
  void SetUp() override {
    AgentNode::SetUp();
    write("web.yaml", both_directions());
  }

  [[nodiscard]] Json config() const {
    return {{"cniVersion", "1.1.0"},
            {"name", "pods"},
            {"type", "policyc-cni"},
            {"agent-socket", socket().string()},
            {"ipam",
             {{"type", "policyc"},
              {"dataDir", (paths_.state / "ipam").string()},
              {"ranges", {{{{"subnet", "10.9.1.0/24"}}}}}}}};
  }
  Ran run(const std::string& command, const Container& container, const Json& configuration,
          const std::string& pod = "web", const std::string& program = POLICYC_CNI_BINARY) const {
    return run_plugin(program,
                      {{"CNI_COMMAND", command},
                       {"CNI_CONTAINERID", container.id()},
                       {"CNI_NETNS", container.path()},
                       {"CNI_IFNAME", "eth0"},
                       {"CNI_PATH", "/usr/lib/cni"},
                       {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"},
                       {"CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=" + pod}},
                      configuration.dump());
  }
  Ran run_for_network(const std::string& command, const Json& configuration) const {
    return run_plugin(POLICYC_CNI_BINARY, {{"CNI_COMMAND", command}, {"CNI_PATH", "/usr/lib/cni"}},
                      configuration.dump());
  }
  [[nodiscard]] Json with_result(const Ran& added) const {
    Json json = config();
    json["prevResult"] = added.json;
    return json;
  }
  [[nodiscard]] Json with_valid(const Texts& containers) const {
    Json json = config();
    json["cni.dev/valid-attachments"] = Json::array();
    for (const std::string& container : containers)
      json["cni.dev/valid-attachments"].push_back({{"containerID", container}, {"ifname", "eth0"}});
    return json;
  }
  // Of the pod with that address.
  static bool reached(const Container& container, const std::string& address,
                      const std::string& from, std::uint16_t port = 53) {
    const bpf::Fd server = inside(container, address, port);
    send_datagram(host_udp_socket(from, 0), address, port);
    return receives(server);
  }
  static bpf::Fd inside(const Container& container, const std::string& address,
                        std::uint16_t port) {
    bpf::Fd socket;
    container.inside([&] { socket = host_udp_socket(address, port); });
    return socket;
  }
  void expect_enforced(const Container& container, const std::string& address,
                       const std::string& where) {
    // One datagram may come late on a busy machine; none may that is denied.
    EXPECT_TRUE(eventually([&] { return reached(container, address, kClient); }, 5s)) << where;
    EXPECT_FALSE(reached(container, address, kOther)) << where;
  }
  void expect_nothing_left() {
    EXPECT_THAT(output_of("ip -o link show type veth"), IsEmpty());
    EXPECT_THAT(output_of("ip route show; ip neigh show nud permanent"), IsEmpty());
    EXPECT_THAT(client_->endpoints()->endpoints(), IsEmpty());
    EXPECT_TRUE(must(endpoint::read_state(paths_)).endpoints.empty());
    std::error_code none;
    EXPECT_TRUE(std::filesystem::is_empty(paths_.state / "ipam" / "pods" / "used", none));
  }
};

TEST_F(CniAgentTest, PolicyIsInForceBeforeTheFirstPacket) {
  start_synced();
  const Container web("one");
  const bpf::Fd asked = inside(web, "0.0.0.0", 53);
  const bpf::Fd host_allowed = host_udp_socket(kClient, 99);
  const bpf::Fd host_denied = host_udp_socket(kOther, 99);
  {
    const Knocking client(host_udp_socket(kClient, 0), "10.9.1.1", 53);
    const Knocking other(host_udp_socket(kOther, 0), "10.9.1.1", 53);
    const Knocking out(inside(web, "0.0.0.0", 0), kClient, 99);
    const Knocking denied_out(inside(web, "0.0.0.0", 0), kOther, 99);
    ASSERT_TRUE(eventually([&] { return denied_out.count() > 20; }));
    const Ran added = run("ADD", web, config());
    ASSERT_EQ(added.exit_code, 0) << added.output;
    ASSERT_EQ(added.json["ips"][0]["address"], "10.9.1.1/32");
    const auto count = denied_out.count();
    ASSERT_TRUE(eventually([&] { return denied_out.count() > count + 200; }));
  }
  std::size_t from_client = 0;
  for (pollfd waiting{asked.get(), POLLIN, 0}; ::poll(&waiting, 1, 0) == 1;) {
    const std::string sender = sender_of_next(asked);
    EXPECT_EQ(sender, kClient);
    from_client += sender == kClient;
  }
  EXPECT_GT(from_client, 50U);
  EXPECT_GT(received(host_allowed, "10.9.1.1"), 50U);
  EXPECT_EQ(received(host_denied, "10.9.1.1"), 0U);
  EXPECT_EQ(run("DEL", web, config()).exit_code, 0);
  expect_nothing_left();
}

TEST_F(CniAgentTest, CheckSaysWhetherItIsEnforced) {
  start_synced();
  const Container web("one");
  const Ran added = run("ADD", web, config());
  ASSERT_EQ(added.exit_code, 0) << added.output;
  const Ran checked = run("CHECK", web, with_result(added));
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  kill();
  EXPECT_EQ(run("CHECK", web, with_result(added)).code(), 11);
  start_synced();
  EXPECT_EQ(run("CHECK", web, with_result(added)).exit_code, 0);
  // Somebody takes the programs off its interface.
  const std::string host = added.json["interfaces"][0]["name"];
  test::ChildProcess unload({POLICYC_BINARY, "unload", "--interface", host, "--state-dir",
                             paths_.state.string(), "--bpffs", paths_.bpffs.string()});
  ASSERT_EQ(unload.wait(), 0) << unload.output();
  EXPECT_EQ(run("CHECK", web, with_result(added)).code(), 103);
  EXPECT_EQ(run("DEL", web, with_result(added)).exit_code, 0);
  EXPECT_EQ(run("DEL", web, with_result(added)).exit_code, 0) << "a second time";
  expect_nothing_left();
}

TEST_F(CniAgentTest, ASecondAddIsRefusedAndThePolicyStays) {
  start_synced();
  const Container web("one");
  const Ran added = run("ADD", web, config());
  ASSERT_EQ(added.exit_code, 0) << added.output;
  EXPECT_EQ(run("ADD", web, config()).code(), 100);
  expect_enforced(web, "10.9.1.1", "after the second one");
  EXPECT_EQ(run("CHECK", web, with_result(added)).exit_code, 0);
  // After DEL it is as new.
  EXPECT_EQ(run("DEL", web, config()).exit_code, 0);
  ASSERT_EQ(run("ADD", web, config(), "web2").exit_code, 0);
  expect_enforced(web, "10.9.1.2", "added again");
  EXPECT_EQ(run("DEL", web, config()).exit_code, 0);
  expect_nothing_left();
}

TEST_F(CniAgentTest, CollectionTakesWhatTheRuntimeDoesNotKnow) {
  start_synced();
  const Container kept("kept"), lost("lost");
  ASSERT_EQ(run("ADD", kept, config()).exit_code, 0);
  ASSERT_EQ(run("ADD", lost, config(), "web2").exit_code, 0);
  expect_enforced(lost, "10.9.1.2", "before");
  const Ran collected = run_for_network("GC", with_valid({"kept"}));
  EXPECT_EQ(collected.exit_code, 0) << collected.output;
  ASSERT_EQ(client_->endpoints()->endpoints_size(), 1);
  EXPECT_EQ(client_->endpoints()->endpoints(0).ref().container_id(), "kept");
  EXPECT_TRUE(lost.interface().is_null());
  expect_enforced(kept, "10.9.1.1", "after");
  EXPECT_EQ(run_for_network("GC", with_valid({})).exit_code, 0);
  expect_nothing_left();
}

TEST_F(CniAgentTest, WithoutAgentAddIsToldToTryLaterAndLeavesNothing) {
  EXPECT_EQ(run_for_network("STATUS", config()).code(), 50);
  const Container web("one");
  const Ran away = run("ADD", web, config());
  EXPECT_EQ(away.exit_code, 1);
  EXPECT_EQ(away.code(), 11) << away.output;
  EXPECT_THAT(away.json["details"].get<std::string>(), HasSubstr(socket().string()));
  EXPECT_TRUE(web.interface().is_null());
  // One that does not know yet what to enforce.
  std::filesystem::rename(manifests_, paths_.state / "later");
  start();
  ASSERT_TRUE(eventually([this] { return client_->status().has_value(); })) << agent_->output();
  EXPECT_EQ(run("ADD", web, config()).code(), 11);
  EXPECT_EQ(run_for_network("STATUS", config()).code(), 50);
  std::filesystem::rename(paths_.state / "later", manifests_);
  ASSERT_TRUE(settled()) << agent_->output();
  EXPECT_EQ(run_for_network("STATUS", config()).exit_code, 0);
  expect_nothing_left();
  const Ran added = run("ADD", web, config());
  ASSERT_EQ(added.exit_code, 0) << added.output;
  EXPECT_EQ(run("DEL", web, config()).exit_code, 0);
  expect_nothing_left();
}

TEST_F(CniAgentTest, AnAgentKilledBetweenAddAndDelChangesNothing) {
  start_synced();
  const Container web("one"), next("two");
  ASSERT_EQ(run("ADD", web, config()).exit_code, 0);
  kill();
  expect_enforced(web, "10.9.1.1", "the agent is dead");
  start_synced();
  expect_enforced(web, "10.9.1.1", "another agent");
  kill();
  // DEL needs no agent; the next one sees that the interface is gone.
  const Ran deleted = run("DEL", web, config());
  EXPECT_EQ(deleted.exit_code, 0) << deleted.output;
  start_synced();
  ASSERT_EQ(run("ADD", next, config(), "web2").exit_code, 0);
  expect_enforced(next, "10.9.1.2", "the pod after");
  EXPECT_EQ(run("DEL", web, config()).exit_code, 0) << "the runtime repeats it";
  EXPECT_EQ(run("DEL", next, config()).exit_code, 0);
  expect_nothing_left();
}

TEST_F(CniAgentTest, AnAgentKilledDuringAddIsTriedAgain) {
  start_synced();
  kill();
  const Container web("one");
  const bpf::Fd asked = inside(web, "0.0.0.0", 53);
  const Knocking other(host_udp_socket(kOther, 0), "10.9.1.1", 53);
  // Steps 1 and 2 are of the start.
  int killed = 0;
  for (int step = 3; step < 40; ++step) {
    ::setenv("POLICYD_DIE_AT", std::to_string(step).c_str(), 1);
    start();
    ::unsetenv("POLICYD_DIE_AT");
    static_cast<void>(eventually([this] { return settled_once() || is_dead(); }));
    const Ran added = run("ADD", web, config());
    if (added.exit_code != 0) {
      EXPECT_EQ(added.code(), 11) << added.output;
      EXPECT_TRUE(web.interface().is_null()) << step;
      ++killed;
    }
    EXPECT_EQ(received(asked, kOther), 0U) << step;
    kill();
    EXPECT_EQ(run("DEL", web, config()).exit_code, 0);
    if (added.exit_code == 0) break;
  }
  EXPECT_GE(killed, 5);
  start_synced();
  EXPECT_GT(other.count(), 100U);
  const Ran added = run("ADD", web, config());
  EXPECT_EQ(added.exit_code, 0) << added.output;
  EXPECT_EQ(run("DEL", web, config()).exit_code, 0);
  expect_nothing_left();
}

TEST_F(CniAgentTest, BeforePortmapThePolicyIsOfThePodsPort) {
  start_synced();
  const Container web("one");
  const Ran added = run("ADD", web, config());
  ASSERT_EQ(added.exit_code, 0) << added.output;
  // The result goes to the next plugin in the list, in a version that it knows.
  Json portmap = {
      {"cniVersion", "1.0.0"},
      {"name", "pods"},
      {"type", "portmap"},
      {"capabilities", {{"portMappings", true}}},
      {"runtimeConfig",
       {{"portMappings", {{{"hostPort", 8080}, {"containerPort", 53}, {"protocol", "udp"}}}}}}};
  Json previous = added.json;
  previous["cniVersion"] = "1.0.0";
  portmap["prevResult"] = previous;
  const Ran mapped = run("ADD", web, portmap, "web", "/usr/lib/cni/portmap");
  ASSERT_EQ(mapped.exit_code, 0) << mapped.output;
  const bpf::Fd asked = inside(web, "10.9.1.1", 53);
  send_datagram(host_udp_socket(kOther, 0), "192.0.2.1", 8080);
  EXPECT_FALSE(receives(asked));
  send_datagram(host_udp_socket(kClient, 0), "192.0.2.1", 8080);
  EXPECT_EQ(sender_of_next(asked), kClient);
  EXPECT_EQ(run("DEL", web, portmap, "web", "/usr/lib/cni/portmap").exit_code, 0);
  EXPECT_EQ(run("DEL", web, config()).exit_code, 0);
  expect_nothing_left();
}

}  // namespace
}  // namespace policyc::testing
