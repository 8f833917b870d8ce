// What the sender of a denied packet learns: real connections through real namespaces.

#include <array>
#include <cerrno>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "loader/nat/devices.h"
#include "loader/observe/reader.h"
#include "runtime/abi/abi.h"
#include "tests/unit/loader/load_fixture.h"

namespace policyc::testing {
namespace {

using endpoint::DenyResponse;
using ::testing::ElementsAre;

constexpr int kStillWaiting = -1;

struct Family {
  int number;
  const char* web;     // the endpoint
  const char* client;  // may reach its port 80, and be reached at its own
  const char* other;
  int prohibited;  // what Linux makes of the ICMP error
};
constexpr Family kFamilies[] = {
    {AF_INET, "10.9.1.1", kClient, kOther, EHOSTUNREACH},
    {AF_INET6, "fd00:9::1:1", "fd00:9::1", "fd00:9::2", EACCES},
};

struct SocketAddress {
  SocketAddress(const std::string& address, std::uint16_t port) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
      v4->sin_family = AF_INET;
      v4->sin_port = htons(port);
      size = sizeof(*v4);
    } else if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(port);
      size = sizeof(*v6);
    } else {
      throw std::runtime_error("not an address: " + address);
    }
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }

  sockaddr_storage storage{};
  socklen_t size = 0;
};

// A socket that does not block, bound to the address.
bpf::Fd bound(int type, const std::string& address, std::uint16_t port) {
  const SocketAddress where(address, port);
  bpf::Fd result(::socket(where.storage.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(result.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(result.get(), where.get(), where.size) != 0)
    throw std::runtime_error("cannot bind " + address);
  return result;
}

bpf::Fd listener(const std::string& address, std::uint16_t port) {
  bpf::Fd result = bound(SOCK_STREAM, address, port);
  if (::listen(result.get(), 8) != 0) throw std::runtime_error("listen");
  return result;
}

// The error that a socket has, or gets within the time; 0: it became ready without one.
int outcome(const bpf::Fd& socket, short ready, int milliseconds) {
  pollfd waiting{socket.get(), ready, 0};
  if (::poll(&waiting, 1, milliseconds) != 1) return kStillWaiting;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

struct Attempt {
  bpf::Fd socket;
  int error = 0;
};

Attempt try_connect(const std::string& source, const std::string& destination, std::uint16_t port,
                    int milliseconds = 5000) {
  Attempt attempt{bound(SOCK_STREAM, source, 0), 0};
  const SocketAddress where(destination, port);
  if (::connect(attempt.socket.get(), where.get(), where.size) != 0) {
    attempt.error = errno == EINPROGRESS ? outcome(attempt.socket, POLLOUT, milliseconds) : errno;
  }
  return attempt;
}

int connect_error(const std::string& source, const std::string& destination, std::uint16_t port,
                  int milliseconds = 5000) {
  return try_connect(source, destination, port, milliseconds).error;
}

// What a connected datagram socket hears of its datagram.
int datagram_error(const std::string& source, const std::string& destination, std::uint16_t port) {
  const bpf::Fd socket = bound(SOCK_DGRAM, source, 0);
  const SocketAddress where(destination, port);
  if (::connect(socket.get(), where.get(), where.size) != 0 || ::send(socket.get(), "x", 1, 0) != 1)
    return errno;
  return outcome(socket, POLLIN, 5000);
}

int error_of_speaking(const bpf::Fd& connection, const std::string& text) {
  if (::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) return errno;
  return outcome(connection, POLLIN, 5000);
}

class AnswerTest : public LoadTest {
 protected:
  static void SetUpTestSuite() {
    LoadTest::SetUpTestSuite();
    for (const char* address : {kFamilies[1].client, kFamilies[1].other}) add_loopback6(address);
  }
  void SetUp() override {
    LoadTest::SetUp();
    web_ = std::make_unique<Pod>("web0", kFamilies[0].web);
    web_->add_address6(kFamilies[1].web, {kFamilies[1].client, kFamilies[1].other});
    for (const Family& family : kFamilies) {
      // Whoever gets through is not refused.
      for (const char* address : {family.client, family.other})
        listeners_.push_back(listener(address, 80));
      web_->inside([&] { listeners_.push_back(listener(family.web, 80)); });
    }
  }
  void TearDown() override {
    listeners_.clear();
    web_.reset();
    LoadTest::TearDown();
  }

  // The endpoint speaks TCP with that pod, in both directions.
  static const backend::Bytes& only(const std::string& app) {
    static std::map<std::string, backend::Bytes> cache;
    if (!cache.contains(app)) {
      const std::string ports = "\n    toPorts: [{ports: [{port: \"80\", protocol: TCP}]}]\n";
      const std::string peer = "[{matchLabels: {app: " + app + "}}]" + ports;
      cache[app] = compile_policies(
                       "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
                       "metadata: {name: web, namespace: shop}\nspec:\n"
                       "  endpointSelector: {matchLabels: {app: web}}\n  ingress:\n"
                       "  - fromEndpoints: " +
                       peer + "  egress:\n  - toEndpoints: " + peer)
                       .at(0);
    }
    return cache[app];
  }
  void load(const backend::Bytes& object, std::optional<DenyResponse> response) {
    endpoint::LoadRequest load = request(object, *web_);
    load.addresses.push_back(*parse_ip_address(kFamilies[1].web));
    auto& pods = load.inventory->cluster.endpoints;
    pods[0].addresses.push_back(*parse_ip_address(kFamilies[1].client));
    pods[1].addresses.push_back(*parse_ip_address(kFamilies[1].other));
    pods[2].addresses.push_back(*parse_ip_address(kFamilies[1].web));
    load.deny_response = response;
    must(endpoint::load_endpoint(paths_, load));
  }
  // What the endpoint finds out.
  int from_web(const std::function<int()>& attempt) {
    int error = 0;
    web_->inside([&] { error = attempt(); });
    return error;
  }

  // The IPv4 packets that were dropped since the last time; interfaces speak IPv6 of themselves.
  [[nodiscard]] std::vector<std::pair<policyc_direction, int>> dropped() {
    if (!reader_) {
      const auto maps = must(maps::NodeMaps::open(paths_.maps()));
      reader_ = must(observe::Reader::open(maps, events::From::Oldest));
    }
    std::vector<std::pair<policyc_direction, int>> result;
    reader_->poll(0, [&result](const observe::Event& event) {
      if (event.dropped && event.source && !event.source->v6)
        result.emplace_back(event.direction, event.protocol);
      return true;
    });
    return result;
  }

  std::optional<observe::Reader> reader_;

  std::unique_ptr<Pod> web_;
  std::vector<bpf::Fd> listeners_;
};

INSTANTIATE_TEST_SUITE_P(Hooks, AnswerTest,
                         ::testing::Values(attach::HookChoice::Tcx, attach::HookChoice::Clsact),
                         [](const auto& test) {
                           return test.param == attach::HookChoice::Tcx ? "tcx" : "clsact";
                         });

TEST_P(AnswerTest, AResetRefusesAtOnce) {
  load(only("client"), DenyResponse::Reset);
  for (const Family& family : kFamilies) {
    EXPECT_EQ(from_web([&] { return connect_error(family.web, family.client, 80); }), 0);
    EXPECT_EQ(from_web([&] { return connect_error(family.web, family.other, 80); }), ECONNREFUSED);
    EXPECT_EQ(connect_error(family.client, family.web, 80), 0);
    EXPECT_EQ(connect_error(family.other, family.web, 80), ECONNREFUSED);
    EXPECT_EQ(from_web([&] { return datagram_error(family.web, family.other, 53); }),
              family.prohibited);
    EXPECT_EQ(datagram_error(family.other, family.web, 53), family.prohibited);
  }
}

TEST_P(AnswerTest, AnIcmpErrorRefusesAtOnce) {
  load(only("client"), DenyResponse::Icmp);
  for (const Family& family : kFamilies) {
    EXPECT_EQ(from_web([&] { return connect_error(family.web, family.client, 80); }), 0);
    EXPECT_EQ(from_web([&] { return connect_error(family.web, family.other, 80); }),
              family.prohibited);
    EXPECT_EQ(connect_error(family.client, family.web, 80), 0);
    EXPECT_EQ(connect_error(family.other, family.web, 80), family.prohibited);
    EXPECT_EQ(from_web([&] { return datagram_error(family.web, family.other, 53); }),
              family.prohibited);
    EXPECT_EQ(datagram_error(family.other, family.web, 53), family.prohibited);
  }
}

TEST_P(AnswerTest, TheNodeKeepsItUntilItIsToldOtherwise) {
  const auto waits = [this] {
    for (const Family& family : kFamilies) {
      EXPECT_EQ(from_web([&] { return connect_error(family.web, family.other, 80, 300); }),
                kStillWaiting);
    }
  };
  load(only("client"), std::nullopt);
  EXPECT_EQ(status().deny_response, DenyResponse::Drop);
  waits();
  for (const DenyResponse response : {DenyResponse::Icmp, DenyResponse::Reset}) {
    load(only("client"), response);
    EXPECT_EQ(status().deny_response, response);
    load(only("client"), std::nullopt);
    EXPECT_EQ(status().deny_response, response);
  }
  EXPECT_EQ(from_web([] { return connect_error(kFamilies[0].web, kOther, 80); }), ECONNREFUSED);
  load(only("client"), DenyResponse::Drop);
  EXPECT_EQ(status().deny_response, DenyResponse::Drop);
  waits();
}

TEST_P(AnswerTest, ALoadThatFailsChangesNothing) {
  load(only("client"), DenyResponse::Icmp);
  endpoint::LoadRequest broken = request(only("client"), *web_);
  broken.deny_response = DenyResponse::Reset;
  broken.progress = [this](std::string_view step) {
    if (step == "entry") shell("ip link del web0");
  };
  EXPECT_FALSE(endpoint::load_endpoint(paths_, broken));
  EXPECT_EQ(status().deny_response, DenyResponse::Icmp);
}

// Connections that stand when the policy changes end on both sides, whoever speaks first; what is
// sent is more than one packet of the wire takes.
TEST_P(AnswerTest, ConnectionsThatPolicyCutAreReset) {
  const std::string much(50'000, 'x');
  for (const bool web_speaks : {false, true}) {
    load(only("client"), DenyResponse::Reset);
    std::vector<std::pair<bpf::Fd, bpf::Fd>> connections;  // client's end, the endpoint's
    for (std::size_t i = 0; i < std::size(kFamilies); ++i) {
      Attempt client = try_connect(kFamilies[i].client, kFamilies[i].web, 80);
      ASSERT_EQ(client.error, 0);
      const bpf::Fd& server = listeners_[3 * i + 2];
      ASSERT_EQ(outcome(server, POLLIN, 5000), 0);
      bpf::Fd accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      ASSERT_TRUE(accepted.valid());
      connections.emplace_back(std::move(client.socket), std::move(accepted));
    }
    load(only("other"), std::nullopt);
    for (const auto& [client, web] : connections) {
      EXPECT_EQ(error_of_speaking(web_speaks ? web : client, much), ECONNRESET);
      // Has it already, if it acknowledged what the endpoint said before the policy was asked.
      EXPECT_EQ(error_of_speaking(web_speaks ? client : web, much), ECONNRESET);
    }
  }
}

// The peer is behind another interface, so the host forwards the answer.
TEST_P(AnswerTest, PeersElsewhereAreAnsweredThroughTheHost) {
  const Pod peer("peer0", "10.9.2.1");
  shell("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.peer0.proxy_arp=1");
  for (const DenyResponse response : {DenyResponse::Reset, DenyResponse::Icmp}) {
    load(only("client"), response);
    int error = 0;
    peer.inside([&] { error = connect_error(peer.address(), kFamilies[0].web, 80); });
    EXPECT_EQ(error, response == DenyResponse::Reset ? ECONNREFUSED : EHOSTUNREACH);
  }
}

// It spoke to the endpoint's own address, and hears from it, whatever leaves by the device else.
TEST_P(AnswerTest, PeersOutsideAreAnsweredByADeviceThatMasquerades) {
  const Pod peer("peer0", "10.9.2.1");
  shell("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.peer0.proxy_arp=1");
  shell("ip addr add 10.9.9.1/32 dev peer0");
  for (const DenyResponse response : {DenyResponse::Reset, DenyResponse::Icmp}) {
    load(only("client"), response);
    auto device = must(nat::config_of_interface("peer0"));
    device.masquerade = true;
    const auto node = must(maps::NodeMaps::open(paths_.maps()));
    must(nat::attach_device(paths_, node, device, GetParam()));
    int error = 0;
    peer.inside([&] { error = connect_error(peer.address(), kFamilies[0].web, 80); });
    EXPECT_EQ(error, response == DenyResponse::Reset ? ECONNREFUSED : EHOSTUNREACH);
  }
}

// Where every packet is denied and answered, nobody answers an answer.
TEST_P(AnswerTest, AnswersAreNotAnswered) {
  load(only("client"), DenyResponse::Reset);
  EXPECT_EQ(connect_error(kOther, kFamilies[0].web, 81), ECONNREFUSED);
  EXPECT_EQ(datagram_error(kOther, kFamilies[0].web, 81), EHOSTUNREACH);
  EXPECT_THAT(dropped(), ElementsAre(std::pair{POLICYC_INGRESS, IPPROTO_TCP},
                                     std::pair{POLICYC_INGRESS, IPPROTO_UDP}));
}

// An ICMP error "administratively prohibited" about nothing, with the mark of an answer.
bool send_marked(const std::string& source, const std::string& destination) {
  const bpf::Fd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
  const SocketAddress from(source, 0);
  const SocketAddress to(destination, 0);
  const std::uint32_t mark = POLICYC_ANSWER_MARK;
  std::array<std::uint8_t, 36> message{3, 13};
  return ::bind(socket.get(), from.get(), from.size) == 0 &&
         ::setsockopt(socket.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0 &&
         ::sendto(socket.get(), message.data(), message.size(), 0, to.get(), to.size) ==
             static_cast<ssize_t>(message.size());
}

TEST_P(AnswerTest, AnEndpointCannotMarkItsPackets) {
  load(only("client"), DenyResponse::Icmp);
  EXPECT_EQ(from_web([] { return send_marked(kFamilies[0].web, kOther) ? 0 : errno; }), 0);
  EXPECT_THAT(dropped(), ElementsAre(std::pair{POLICYC_EGRESS, IPPROTO_ICMP}))
      << "the mark is lost on the way out of the namespace";
  EXPECT_TRUE(send_marked(kOther, kFamilies[0].web));
  EXPECT_THAT(dropped(), ElementsAre()) << "the host can";
}

TEST_F(KernelTest, OneWordForEachResponse) {
  using endpoint::deny_response_of;
  using endpoint::with_deny_response;
  for (const DenyResponse response :
       {DenyResponse::Drop, DenyResponse::Icmp, DenyResponse::Reset}) {
    EXPECT_EQ(endpoint::parse_deny_response(endpoint::deny_response_name(response)), response);
    const std::uint32_t flags = with_deny_response(0xffffffff, response);
    EXPECT_EQ(deny_response_of(flags), response);
    EXPECT_EQ(flags | 96U, 0xffffffffU) << "other flags stay";
    EXPECT_EQ(deny_response_of(with_deny_response(0, response)), response);
  }
  EXPECT_EQ(endpoint::parse_deny_response("none"), std::nullopt);
  EXPECT_EQ(endpoint::parse_deny_response(""), std::nullopt);
}

}  // namespace
}  // namespace policyc::testing
