#pragma once
// A client and a web server, pods of one node, each behind a policy of its own, and what they say
// to each other.

#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "loader/endpoint/load.h"
#include "loader/endpoint/unload.h"
#include "loader/maps/node_maps.h"
#include "runtime/abi/abi.h"
#include "tests/unit/loader/programs.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {

inline constexpr std::size_t kMuch = 4U << 20U;
// What the host's own neighbour discovery may add, and what was sent before a connection stood.
inline constexpr std::size_t kLittle = 64U << 10U;

struct Family {
  int number;
  const char* client;
  const char* web;
};
inline constexpr Family kFamilies[] = {{AF_INET, "10.9.4.1", "10.9.1.1"},
                                       {AF_INET6, "fd00:9::4:1", "fd00:9::1:1"}};

struct Where {
  sockaddr_storage storage{};
  socklen_t size = 0;

  Where(const Family& family, const char* address, std::uint16_t port) {
    storage.ss_family = static_cast<sa_family_t>(family.number);
    if (family.number == AF_INET) {
      auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
      v4->sin_port = htons(port);
      inet_pton(AF_INET, address, &v4->sin_addr);
      size = sizeof *v4;
    } else {
      auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
      v6->sin6_port = htons(port);
      inet_pton(AF_INET6, address, &v6->sin6_addr);
      size = sizeof *v6;
    }
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// Gives up waiting after so long; nothing that works needs it.
inline void set_patience(const bpf::Fd& socket, int milliseconds) {
  const timeval wait{.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
}
inline constexpr int kPatient = 10'000;
inline constexpr int kImpatient = 400;

inline bpf::Fd bound(const Pod& pod, const Family& family, int type, const char* address,
                     std::uint16_t port) {
  bpf::Fd result;
  pod.inside([&] {
    result = bpf::Fd(::socket(family.number, type | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(result.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const Where where(family, address, port);
    if (::bind(result.get(), where.get(), where.size) != 0)
      throw std::runtime_error(std::string("bind ") + address);
  });
  set_patience(result, kPatient);
  return result;
}

// How many of so many bytes arrive.
inline std::size_t transfer(const bpf::Fd& from, const bpf::Fd& to, std::size_t bytes,
                            int patience) {
  set_patience(from, patience);
  set_patience(to, patience);
  std::thread writer([&] {
    const std::string chunk(1U << 16U, 'x');
    std::size_t sent = 0;
    while (sent < bytes) {
      const ssize_t now =
          ::send(from.get(), chunk.data(), std::min(chunk.size(), bytes - sent), MSG_NOSIGNAL);
      if (now <= 0) break;
      sent += static_cast<std::size_t>(now);
    }
  });
  std::vector<char> buffer(1U << 16U);
  std::size_t received = 0;
  while (received < bytes) {
    const ssize_t now = ::recv(to.get(), buffer.data(), buffer.size(), 0);
    if (now <= 0) break;
    received += static_cast<std::size_t>(now);
  }
  writer.join();
  return received;
}

struct Connection {
  bpf::Fd client;
  bpf::Fd web;
};

inline std::string policy_of(const std::string& app, const std::string& direction,
                             const std::string& peer) {
  return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: " + app +
         ", namespace: shop}\nspec:\n  endpointSelector: {matchLabels: {app: " + app + "}}\n  " +
         direction + ":\n  - " + (direction == "ingress" ? "from" : "to") +
         "Endpoints: [{matchLabels: {app: " + peer +
         "}}]\n    toPorts: [{ports: [{port: \"80\", protocol: TCP}, {port: \"53\", protocol: "
         "UDP}]}]\n";
}

class TwoPods : public KernelTest, public ::testing::WithParamInterface<attach::HookChoice> {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    shell("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
    client_ = std::make_unique<Pod>("client0", kFamilies[0].client);
    web_ = std::make_unique<Pod>("web0", kFamilies[0].web);
    client_->add_address6(kFamilies[1].client, {kFamilies[0].web, kFamilies[1].web});
    web_->add_address6(kFamilies[1].web, {kFamilies[0].client, kFamilies[1].client});
    load_client("web");
    load_web("client");
  }
  void TearDown() override {
    KernelTest::TearDown();
    client_.reset();
    web_.reset();
  }

  // Whom it may send to.
  void load_client(const std::string& peer) {
    load_on(client_->host(), 0, policy_of("client", "egress", peer));
  }
  // Who may send to it.
  void load_web(const std::string& peer) {
    load_on(web_->host(), 1, policy_of("web", "ingress", peer));
  }
  void deliver(bool on) const {
    const auto maps = must(maps::NodeMaps::open(paths_.maps()));
    auto config = must(maps.config());
    config.flags &= ~NODE_LOCAL_DELIVERY;
    if (on) config.flags |= NODE_LOCAL_DELIVERY;
    ++config.policy_epoch;
    must(maps.set_config(config));
  }

  [[nodiscard]] Connection connect(const Family& family) const {
    const bpf::Fd listening = bound(*web_, family, SOCK_STREAM, family.web, 80);
    if (::listen(listening.get(), 8) != 0) throw std::runtime_error("listen");
    Connection connection;
    connection.client = bound(*client_, family, SOCK_STREAM, family.client, 0);
    const Where web(family, family.web, 80);
    if (::connect(connection.client.get(), web.get(), web.size) != 0)
      throw std::runtime_error("connect");
    connection.web = bpf::Fd(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection.web.valid()) throw std::runtime_error("accept");
    return connection;
  }
  // Whether a datagram of that size and its answer arrive.
  [[nodiscard]] bool answers(const Family& family, std::uint16_t port, std::size_t bytes,
                             int patience = kPatient) const {
    const bpf::Fd server = bound(*web_, family, SOCK_DGRAM, family.web, port);
    const bpf::Fd client = bound(*client_, family, SOCK_DGRAM, family.client, 0);
    for (const bpf::Fd* socket : {&server, &client}) set_patience(*socket, patience);
    const Where web(family, family.web, port);
    std::vector<char> data(bytes, 'x');
    static_cast<void>(::sendto(client.get(), data.data(), data.size(), 0, web.get(), web.size));
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    std::vector<char> heard(bytes + 1);
    if (::recvfrom(server.get(), heard.data(), heard.size(), 0, reinterpret_cast<sockaddr*>(&from),
                   &size) != static_cast<ssize_t>(bytes))
      return false;
    static_cast<void>(::sendto(server.get(), data.data(), data.size(), 0,
                               reinterpret_cast<const sockaddr*>(&from), size));
    return ::recv(client.get(), heard.data(), heard.size(), 0) == static_cast<ssize_t>(bytes);
  }
  // Bytes that the host has sent out of its side of the pod's link.
  [[nodiscard]] static std::size_t by_the_stack(const Pod& pod) { return by_the_stack(pod.host()); }
  [[nodiscard]] static std::size_t by_the_stack(const std::string& interface) {
    std::ifstream devices("/proc/thread-self/net/dev");
    std::string line;
    while (std::getline(devices, line)) {
      std::istringstream words(line);
      std::string name;
      words >> name;
      if (name != interface + ":") continue;
      std::size_t value = 0;
      for (int column = 0; column < 9; ++column) words >> value;
      return value;
    }
    throw std::runtime_error("no " + interface);
  }
  // Whether so much gets through in both directions, and whether past the stack.
  void expect_flow(const Connection& connection, bool delivered, const std::string& when) const {
    const std::size_t before[] = {by_the_stack(*web_), by_the_stack(*client_)};
    EXPECT_EQ(transfer(connection.client, connection.web, kMuch, kPatient), kMuch) << when;
    EXPECT_EQ(transfer(connection.web, connection.client, kMuch, kPatient), kMuch) << when;
    const std::size_t after[] = {by_the_stack(*web_), by_the_stack(*client_)};
    for (const int i : {0, 1}) {
      if (delivered) {
        EXPECT_LT(after[i] - before[i], kLittle) << when;
      } else {
        EXPECT_GT(after[i] - before[i], kMuch) << when;
      }
    }
  }

  // Onto an interface, with the addresses of the first or second pod.
  void load_on(const std::string& interface, std::size_t which, const std::string& yaml) {
    static std::map<std::string, backend::Bytes> cache;
    if (!cache.contains(yaml)) cache[yaml] = compile_policies(yaml).at(0);
    endpoint::Inventory inventory;
    inventory.cluster.namespaces.edit()["shop"] = {};
    for (const char* name : {"client", "web"}) {
      policy::Endpoint each;
      each.namespace_ = "shop";
      each.name = name;
      each.labels = {{"app", name}};
      for (const Family& family : kFamilies)
        each.addresses.push_back(
            *parse_ip_address(each.name == "client" ? family.client : family.web));
      inventory.cluster.endpoints.push_back(each);
    }
    endpoint::LoadRequest request;
    request.object = cache[yaml];
    request.interface = interface;
    request.addresses = inventory.cluster.endpoints[which].addresses;
    request.inventory = inventory;
    request.hook = GetParam();
    request.sizes = {64, 256, 256, 1024, 64, 65536};
    request.max_classes = 1024;
    must(endpoint::load_endpoint(paths_, request));
  }

  std::unique_ptr<Pod> client_;
  std::unique_ptr<Pod> web_;
};

}  // namespace policyc::testing
