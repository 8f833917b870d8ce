#pragma once
// A node with an agent whose pods come through policyc-cni, run as a container runtime does.

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <poll.h>

#include "loader/endpoint/state.h"
#include "tests/e2e/agent/agent_node.h"
#include "tests/unit/cni/container.h"

namespace policyc::testing {

using Texts = std::vector<std::string>;

// Whoever is allowed may use port 53 of a web pod, and a web pod the client's port 99.
inline std::string both_directions(const std::string& app = "client") {
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

inline std::size_t received(const bpf::Fd& socket, const std::string& sender) {
  std::size_t count = 0;
  for (pollfd waiting{socket.get(), POLLIN, 0}; ::poll(&waiting, 1, 0) == 1;)
    count += sender_of_next(socket) == sender;
  return count;
}

class CniNode : public AgentNode {
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
          const std::string& pod = "web", const std::string& program = POLICYC_CNI_BINARY,
          const Texts& arguments = {}) const {
    return run_plugin(program,
                      {{"CNI_COMMAND", command},
                       {"CNI_CONTAINERID", container.id()},
                       {"CNI_NETNS", container.path()},
                       {"CNI_IFNAME", "eth0"},
                       {"CNI_PATH", "/usr/lib/cni"},
                       {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"},
                       {"CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=" + pod}},
                      configuration.dump(), arguments);
  }
  Ran run_for_network(const std::string& command, const Json& configuration,
                      const std::string& program = POLICYC_CNI_BINARY,
                      const Texts& arguments = {}) const {
    return run_plugin(program, {{"CNI_COMMAND", command}, {"CNI_PATH", "/usr/lib/cni"}},
                      configuration.dump(), arguments);
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
    EXPECT_THAT(output_of("ip -o link show type veth"), ::testing::IsEmpty());
    EXPECT_THAT(output_of("ip route show; ip neigh show nud permanent"), ::testing::IsEmpty());
    EXPECT_THAT(client_->endpoints()->endpoints(), ::testing::IsEmpty());
    EXPECT_TRUE(must(endpoint::read_state(paths_)).endpoints.empty());
    std::error_code none;
    EXPECT_TRUE(std::filesystem::is_empty(paths_.state / "ipam" / "pods" / "used", none));
  }
};

}  // namespace policyc::testing
