#pragma once
// A node with an agent: its own network namespace, folders, socket and manifests; pods that are
// told to it as a container runtime does.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "loader/api/client.h"
#include "tests/e2e/child_process.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// Looks until it is so, at most a generous time.
inline bool eventually(const std::function<bool()>& holds, std::chrono::seconds limit = 60s) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

inline std::string pod_yaml(const std::string& name, const std::string& address,
                            const std::string& app) {
  return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name +
         ", namespace: shop, labels: {app: " + app +
         "}}\nspec: {nodeName: n1, containers: [{name: c, image: i}]}\nstatus: {podIP: " + address +
         ", podIPs: [{ip: " + address + "}], phase: Running}\n---\n";
}

// Web pods take datagrams from such pods at such a port.
inline std::string allow(const std::string& app, int port, const std::string& name = "web") {
  return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: " + name +
         ", namespace: shop}\nspec:\n  endpointSelector: {matchLabels: {app: web}}\n  ingress:\n  "
         "- "
         "fromEndpoints: [{matchLabels: {app: " +
         app + "}}]\n    toPorts: [{ports: [{port: \"" + std::to_string(port) +
         "\", protocol: UDP}]}]\n";
}

class AgentNode : public KernelTest {
 protected:
  static constexpr const char* kClient = "10.9.0.1";
  static constexpr const char* kOther = "10.9.0.2";

  static void SetUpTestSuite() {
    KernelTest::SetUpTestSuite();
    for (const char* address : {kClient, kOther}) add_host_address(address);
  }

  void SetUp() override {
    KernelTest::SetUp();
    manifests_ = paths_.state / "manifests";
    std::filesystem::create_directories(manifests_);
    write("cluster.yaml",
          "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n" +
              pod_yaml("client", kClient, "client") + pod_yaml("other", kOther, "other") +
              pod_yaml("web", "10.9.1.1", "web") + pod_yaml("web2", "10.9.1.2", "web"));
  }
  void TearDown() override {
    agent_.reset();
    KernelTest::TearDown();
  }

  // Neighbours of a pod are behind its interface: no time is spent on finding them.
  void tell(const Pod& pod, const std::string& other) const {
    const std::string file = paths_.state / pod.host();
    shell("ip -br link show " + pod.host() + " | awk '{print $3}' > " + file);
    pod.inside([&] { shell("ip neigh add " + other + " dev eth0 lladdr $(cat " + file + ")"); });
    std::filesystem::remove(file);
  }
  // Whole or not at all.
  void write(const std::string& name, const std::string& text) const {
    const auto path = manifests_ / name;
    std::ofstream(path.string() + ".new") << text;
    std::filesystem::rename(path.string() + ".new", path);
  }
  void remove(const std::string& name) const { std::filesystem::remove(manifests_ / name); }

  [[nodiscard]] std::vector<std::string> command(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{POLICYD_BINARY,
                                       "--config",
                                       (paths_.state / "policyd.yaml").string(),
                                       "--source",
                                       manifests_.string(),
                                       "--state-dir",
                                       paths_.state.string(),
                                       "--bpf-root",
                                       paths_.bpffs.string(),
                                       "--socket-path",
                                       socket().string(),
                                       "--prometheus-serve-addr",
                                       "127.0.0.1:9962",
                                       "--agent-health-addr",
                                       "",
                                       "--node-name",
                                       "n1",
                                       "--bpf-ct-max",
                                       "1024",
                                       "--bpf-ipcache-max",
                                       "1024"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  [[nodiscard]] std::filesystem::path socket() const { return paths_.state / "policyd.sock"; }

  void start(const std::vector<std::string>& more = {}) {
    if (!std::filesystem::exists(paths_.state / "policyd.yaml"))
      std::ofstream(paths_.state / "policyd.yaml") << "# all defaults\n";
    start_as(command(more));
  }
  void start_as(const std::vector<std::string>& arguments) {
    agent_ = std::make_unique<test::ChildProcess>(arguments);
    client_ = std::make_unique<api::Client>(socket());
  }
  // The source has told all, and what it told is in force.
  void start_synced(const std::vector<std::string>& more = {}) {
    start(more);
    ASSERT_TRUE(settled()) << (kill(), agent_->output());
  }
  [[nodiscard]] bool settled() {
    return eventually([this] {
      const auto status = client_->status();
      if (!status || !status->synced()) return false;
      last_status_ = *status;
      return status->revision() != 0 && status->realized_revision() == status->revision();
    });
  }
  // It settles, unless it dies before: whether it died.
  [[nodiscard]] bool dies_first() {
    EXPECT_TRUE(eventually([this] {
      if (is_dead()) return true;
      const auto status = client_->status(2s);
      return status && status->synced() && status->revision() != 0 &&
             status->realized_revision() == status->revision();
    }));
    return is_dead();
  }
  // What it enforces is newer than this revision, unless it dies before: whether it died.
  [[nodiscard]] bool dies_before_passing(std::uint64_t revision) {
    EXPECT_TRUE(eventually([&] {
      if (is_dead()) return true;
      const auto status = client_->status(2s);
      return status && status->realized_revision() > revision;
    }));
    return is_dead();
  }
  // It answers, and something that the source told is in force.
  [[nodiscard]] bool settled_once() {
    const auto status = client_->status(2s);
    return status && status->realized_revision() != 0;
  }
  // A child that is dead and not waited for is there all the same.
  [[nodiscard]] bool is_dead() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(agent_->pid()), &info, WEXITED | WNOHANG | WNOWAIT) ==
               0 &&
           info.si_pid != 0;
  }
  void kill() {
    agent_->send(SIGKILL);
    agent_->wait();
  }
  // What the agent enforces is newer than this revision.
  [[nodiscard]] bool past(std::uint64_t revision) {
    return eventually([this, revision] {
      const auto status = client_->status();
      if (!status) return false;
      last_status_ = *status;
      return status->realized_revision() > revision;
    });
  }
  [[nodiscard]] std::uint64_t revision() {
    const auto status = client_->status();
    return status ? status->revision() : 0;
  }

  static v1::AddEndpointRequest request(const Pod& pod, const std::string& name) {
    v1::AddEndpointRequest result;
    result.mutable_ref()->set_container_id("container-" + name);
    result.mutable_ref()->set_container_interface("eth0");
    result.set_host_interface(pod.host());
    result.add_addresses(pod.address());
    result.set_network("pods");
    result.set_pod_namespace("shop");
    result.set_pod_name(name);
    return result;
  }
  static v1::EndpointRef ref(const std::string& name) {
    v1::EndpointRef result;
    result.set_container_id("container-" + name);
    result.set_container_interface("eth0");
    return result;
  }
  api::Answer<v1::Endpoint> add(const Pod& pod, const std::string& name) {
    return client_->add(request(pod, name), 60s);
  }

  std::filesystem::path manifests_;
  std::unique_ptr<test::ChildProcess> agent_;
  std::unique_ptr<api::Client> client_;
  v1::Status last_status_;
};

}  // namespace policyc::testing
