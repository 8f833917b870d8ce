// Two pods of one node, each behind a policy: what they send each other goes past the host's stack,
// and policy holds all the same.

#include <array>
#include <chrono>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "loader/endpoint/link.h"
#include "loader/endpoint/load.h"
#include "loader/endpoint/unload.h"
#include "loader/maps/node_maps.h"
#include "loader/testrun/frame.h"
#include "runtime/abi/abi.h"
#include "tests/unit/loader/programs.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

constexpr std::size_t kMuch = 4U << 20U;
// What the host's own neighbour discovery may add, and what was sent before a connection stood.
constexpr std::size_t kLittle = 64U << 10U;

struct Family {
  int number;
  const char* client;
  const char* web;
};
constexpr Family kFamilies[] = {{AF_INET, "10.9.4.1", "10.9.1.1"},
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
void set_patience(const bpf::Fd& socket, int milliseconds) {
  const timeval wait{.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
}
constexpr int kPatient = 10'000;
constexpr int kImpatient = 400;

bpf::Fd bound(const Pod& pod, const Family& family, int type, const char* address,
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
std::size_t transfer(const bpf::Fd& from, const bpf::Fd& to, std::size_t bytes, int patience) {
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

std::string policy(const std::string& app, const std::string& direction, const std::string& peer) {
  return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: " + app +
         ", namespace: shop}\nspec:\n  endpointSelector: {matchLabels: {app: " + app + "}}\n  " +
         direction + ":\n  - " + (direction == "ingress" ? "from" : "to") +
         "Endpoints: [{matchLabels: {app: " + peer +
         "}}]\n    toPorts: [{ports: [{port: \"80\", protocol: TCP}, {port: \"53\", protocol: "
         "UDP}]}]\n";
}

class DeliveryTest : public KernelTest, public ::testing::WithParamInterface<attach::HookChoice> {
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
    load_on(client_->host(), 0, policy("client", "egress", peer));
  }
  // Who may send to it.
  void load_web(const std::string& peer) {
    load_on(web_->host(), 1, policy("web", "ingress", peer));
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
    inventory.cluster.namespaces["shop"] = {};
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

INSTANTIATE_TEST_SUITE_P(Hooks, DeliveryTest,
                         ::testing::Values(attach::HookChoice::Tcx, attach::HookChoice::Clsact),
                         [](const auto& test) {
                           return test.param == attach::HookChoice::Tcx ? "tcx" : "clsact";
                         });

TEST_P(DeliveryTest, PodsOfANodeReachEachOtherPastTheStack) {
  for (const Family& family : kFamilies) {
    const Connection connection = connect(family);
    expect_flow(connection, true, family.web);
    const std::size_t before = by_the_stack(*web_);
    EXPECT_TRUE(answers(family, 53, 1000));
    EXPECT_TRUE(answers(family, 53, 60'000)) << "in fragments";
    EXPECT_LT(by_the_stack(*web_) - before, 60'000U) << family.web;
    EXPECT_FALSE(answers(family, 54, 1000, kImpatient)) << "no policy allows that port";
  }
}

TEST_P(DeliveryTest, WithoutDeliveryTheSameGoesByTheStack) {
  for (const Family& family : kFamilies) {
    const Connection connection = connect(family);
    for (const bool on : {false, true, false}) {
      deliver(on);
      expect_flow(connection, on, on ? "on" : "off");
      EXPECT_TRUE(answers(family, 53, 1000));
      EXPECT_FALSE(answers(family, 54, 1000, kImpatient));
      const Connection another = connect(family);
      expect_flow(another, on, on ? "on, new" : "off, new");
    }
    deliver(true);
  }
}

TEST_P(DeliveryTest, APolicyThatStillAllowsKeepsTheConnection) {
  for (const Family& family : kFamilies) {
    const Connection connection = connect(family);
    for (int i = 0; i < 3; ++i) {
      load_web("client");
      expect_flow(connection, true, "receiver");
      load_client("web");
      expect_flow(connection, true, "sender");
    }
  }
}

TEST_P(DeliveryTest, APolicyThatDeniesCutsBothDirections) {
  const auto change = [&](bool at_web, bool allow) {
    at_web ? load_web(allow ? "client" : "other") : load_client(allow ? "web" : "other");
  };
  for (const Family& family : kFamilies) {
    for (const bool at_web : {true, false}) {
      SCOPED_TRACE(std::string(family.web) + (at_web ? " by the receiver" : " by the sender"));
      const Connection connection = connect(family);
      EXPECT_EQ(transfer(connection.client, connection.web, 1000, kPatient), 1000U);
      change(at_web, false);
      // The one who began is asked first; from there on nothing passes.
      EXPECT_EQ(transfer(connection.client, connection.web, 1000, kImpatient), 0U);
      EXPECT_EQ(transfer(connection.web, connection.client, 1000, kImpatient), 0U);
      EXPECT_FALSE(answers(family, 53, 1000, kImpatient));
      change(at_web, true);
      EXPECT_GE(transfer(connection.client, connection.web, 2000, kPatient), 2000U)
          << "with what was sent in between, as TCP repeats it";
      EXPECT_TRUE(answers(family, 53, 1000));
    }
  }
}

TEST_P(DeliveryTest, WhenOnePodIsUnloadedItsPacketsGoByTheStack) {
  for (const bool web_goes : {true, false}) {
    load_client("web");
    load_web("client");
    std::vector<Connection> connections;
    for (const Family& family : kFamilies) connections.push_back(connect(family));
    for (const Connection& each : connections) expect_flow(each, true, "both loaded");
    must(endpoint::unload_endpoint(paths_, (web_goes ? web_ : client_)->host()));
    for (const Connection& each : connections) expect_flow(each, false, "one unloaded");
    for (const Family& family : kFamilies) {
      expect_flow(connect(family), false, "new");
      EXPECT_FALSE(answers(family, 54, 1000, kImpatient)) << "the other's policy holds";
    }
  }
}

// The other end of what the endpoint is on is not in another namespace: bpf_redirect_peer would
// lose its packets.
TEST_P(DeliveryTest, OtherKindsOfInterfaceAreReachedByTheStack) {
  EXPECT_TRUE(must(endpoint::read_link("web0")).leads_elsewhere);
  EXPECT_FALSE(must(endpoint::read_link("lo")).leads_elsewhere);
  EXPECT_FALSE(endpoint::read_link("nobody0"));
  must(endpoint::unload_endpoint(paths_, web_->host()));
  web_.reset();
  shell(
      "ip link add other0 type veth peer name other1 && ip link set other1 up && "
      "ip link set other0 up && ip route replace " +
      std::string(kFamilies[0].web) + "/32 dev other0 && ip neigh replace " + kFamilies[0].web +
      " dev other0 lladdr 02:00:00:00:00:09");
  load_on("other0", 1, policy("web", "ingress", "client"));
  EXPECT_FALSE(must(endpoint::read_link("other0")).leads_elsewhere);
  const std::size_t before = by_the_stack("other0");
  const bpf::Fd client = bound(*client_, kFamilies[0], SOCK_DGRAM, kFamilies[0].client, 0);
  const Where web(kFamilies[0], kFamilies[0].web, 53);
  const std::vector<char> data(1000);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(::sendto(client.get(), data.data(), data.size(), 0, web.get(), web.size), 1000);
  for (int i = 0; i < 100 && by_the_stack("other0") - before < 20'000; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_GE(by_the_stack("other0") - before, 20'000U);
  must(endpoint::unload_endpoint(paths_, "other0"));
  shell("ip link del other0");
}

// Sees every frame that comes into the pod.
bpf::Fd tap(const Pod& pod) {
  bpf::Fd result;
  pod.inside(
      [&] { result = bpf::Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL))); });
  set_patience(result, kImpatient);
  return result;
}

// The host has no VLAN, so it lets go of tagged frames, whatever the receiver has.
TEST_P(DeliveryTest, TaggedFramesDoNotJumpTheHost) {
  const Family& family = kFamilies[0];
  const auto address = [](const char* text) { return *parse_ip_address(text); };
  auto plain = testrun::make_frame(
      {address(family.client), address(family.web), IPPROTO_UDP, 40'000, 53, 0});
  const auto host = must(endpoint::read_link(client_->host())).mac;
  std::copy(host.begin(), host.end(), plain.begin());
  auto tagged = plain;
  const std::array<std::uint8_t, 4> tag{0x81, 0, 0, 5};
  tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
  for (const bool with_tag : {false, true}) {
    const auto& frame = with_tag ? tagged : plain;
    const bpf::Fd web = tap(*web_);
    client_->inside([&] {
      const bpf::Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
      sockaddr_ll link{};
      link.sll_family = AF_PACKET;
      link.sll_ifindex = static_cast<int>(::if_nametoindex("eth0"));
      ASSERT_EQ(::sendto(socket.get(), frame.data(), frame.size(), 0,
                         reinterpret_cast<const sockaddr*>(&link), sizeof link),
                static_cast<ssize_t>(frame.size()));
    });
    bool arrived = false;
    std::array<std::uint8_t, 2048> seen{};
    for (ssize_t size = 0; (size = ::recv(web.get(), seen.data(), seen.size(), 0)) > 0;)
      arrived |= size >= 38 && seen[12] == 0x08 && seen[23] == IPPROTO_UDP && seen[37] == 53;
    EXPECT_EQ(arrived, !with_tag);
  }
}

}  // namespace
}  // namespace policyc::testing
