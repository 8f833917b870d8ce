// Sockets of clients outside against services and endpoints, through real devices.
#include <cerrno>

#include <gtest/gtest.h>
#include <net/if.h>
#include <nlohmann/json.hpp>

#include "loader/nat/collector.h"
#include "loader/nat/list.h"
#include "runtime/abi/service.h"
#include "tests/e2e/nat/network.h"

namespace policyc::test {
namespace {

constexpr const char* kFrontend4 = "192.0.2.80";
constexpr const char* kFrontend6 = "2001:db8:80::1";

class NatEndToEnd : public testing::Test {
 protected:
  Network network_;
  NodePrograms node1_{network_, Host::Node1};

  // Small and large, one packet and many.
  static std::string large() { return std::string(200'000, 'x'); }
};

TEST_F(NatEndToEnd, RemoteBackendByTheNodesAddress) {
  node1_.attach("front");
  node1_.attach("back");
  node1_.set_frontend(kFrontend4, kFrontend6, FRONTEND_LOAD_BALANCER, "10.20.0.7", "fd20::7",
                      false);
  const EchoServer server(network_, Host::Pod);
  for (const std::string& text : {std::string("hello"), large()}) {
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, text), "10.10.0.1 " + text);
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend6, 80, text), "fd10::1 " + text);
  }
  // Also as fragments.
  for (const std::string& text : {std::string("hello"), std::string(4000, 'y')}) {
    EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend4, 80, text), "10.10.0.1 " + text);
    EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend6, 80, text), "fd10::1 " + text);
  }
}

TEST_F(NatEndToEnd, RemoteBackendByXdp) {
  for (const char* device : {"front", "back"}) {
    node1_.attach(device);
    // XDP alone: what it leaves to from_device is lost.
    node1_.detach_tc(device);
    node1_.attach_xdp(device);
  }
  // It forwards to neighbours that are known.
  for (const char* neighbour : {"198.51.100.9", "2001:db8:1::9", "10.10.0.2", "fd10::2"})
    ASSERT_TRUE(ask_echo(network_, Host::Node1, neighbour));
  network_.send_whole(Host::Client, "eth0");
  network_.send_whole(Host::Node2, "eth0");
  node1_.set_frontend(kFrontend4, kFrontend6, FRONTEND_LOAD_BALANCER, "10.20.0.7", "fd20::7",
                      false);
  const EchoServer server(network_, Host::Pod);
  for (const std::string& text : {std::string("hello"), large()}) {
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, text), "10.10.0.1 " + text);
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend6, 80, text), "fd10::1 " + text);
    EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend4, 80, "hello"), "10.10.0.1 hello");
    EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend6, 80, "hello"), "fd10::1 hello");
  }
}

TEST_F(NatEndToEnd, BackendsAnswerClientsThemselves) {
  NodePrograms node2(network_, Host::Node2);
  node1_.attach("front");
  node2.attach("eth0", false, nat::Dsr::Option);
  const std::uint32_t flags = FRONTEND_LOAD_BALANCER | FRONTEND_DSR;
  node1_.set_frontend(kFrontend4, kFrontend6, flags, "10.20.0.7", "fd20::7", false);
  node2.set_frontend(kFrontend4, kFrontend6, flags, "10.20.0.7", "fd20::7", true);
  const EchoServer server(network_, Host::Pod);
  for (const std::string& text : {std::string("hello"), large()}) {
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, text), "198.51.100.9 " + text);
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend6, 80, text), "2001:db8:1::9 " + text);
  }
  for (const std::string& text : {std::string("hello"), std::string(1400, 'y')}) {
    EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend4, 80, text), "198.51.100.9 " + text);
    EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend6, 80, text), "2001:db8:1::9 " + text);
  }
}

// The same by IPIP and IP6IP6: every packet of the client is wrapped.
class NatByIpip : public NatEndToEnd {
 protected:
  NatByIpip() {
    node1_.attach("front", false, nat::Dsr::Ipip);
    node2_.attach("eth0", false, nat::Dsr::Ipip);
    const std::uint32_t flags = FRONTEND_LOAD_BALANCER | FRONTEND_DSR;
    node1_.set_frontend(kFrontend4, kFrontend6, flags, "10.20.0.7", "fd20::7", false);
    node2_.set_frontend(kFrontend4, kFrontend6, flags, "10.20.0.7", "fd20::7", true);
  }
  NodePrograms node2_{network_, Host::Node2};
};

TEST_F(NatByIpip, BackendsAnswerClientsThemselves) {
  const EchoServer server(network_, Host::Pod);
  for (const std::string& text : {std::string("hello"), large()}) {
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, text), "198.51.100.9 " + text);
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend6, 80, text), "2001:db8:1::9 " + text);
  }
  // The last one as fragments, each of them wrapped; their size was learned from the packets above.
  for (const std::string& text :
       {std::string("hello"), std::string(1400, 'y'), std::string(4000, 'z')}) {
    EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend4, 80, text), "198.51.100.9 " + text);
    EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend6, 80, text), "2001:db8:1::9 " + text);
  }
}

// What a sender leaves to a device, checksums and to cut trains of segments, the node does where
// the packet leaves it: then the receiver looks at every checksum.
TEST_F(NatByIpip, WhatSendersLeaveToDevicesIsDoneOnTheWay) {
  network_.send_whole(Host::Node1, "back");
  network_.send_whole(Host::Node2, "lxc");
  const EchoServer server(network_, Host::Pod);
  EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, large()), "198.51.100.9 " + large());
  EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend6, 80, large()), "2001:db8:1::9 " + large());
  EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend4, 80, "hello"), "198.51.100.9 hello");
  EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend6, 80, "hello"), "2001:db8:1::9 hello");
}

TEST_F(NatByIpip, WrappedByXdp) {
  node1_.detach_tc("front");  // what XDP leaves to from_device is lost
  node1_.attach_xdp("front");
  network_.send_whole(Host::Client, "eth0");
  // Room for the wrapper: to say that it is needed is from_device's.
  network_.shell(Host::Client, "ip link set eth0 mtu 1400");
  ASSERT_TRUE(ask_echo(network_, Host::Node1, "10.10.0.2"));
  ASSERT_TRUE(ask_echo(network_, Host::Node1, "fd10::2"));
  const EchoServer server(network_, Host::Pod);
  for (const std::string& text : {std::string("hello"), large()}) {
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, text), "198.51.100.9 " + text);
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend6, 80, text), "2001:db8:1::9 " + text);
    EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend4, 80, "hello"), "198.51.100.9 hello");
    EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend6, 80, "hello"), "2001:db8:1::9 hello");
  }
}

// Clients of one IP family, backends of the other.
class NatAcross : public NatEndToEnd {
 protected:
  static constexpr std::uint32_t kFlags = FRONTEND_LOAD_BALANCER | FRONTEND_OTHER_FAMILY;
  NatAcross() {
    node1_.attach("front");
    node1_.attach("back");
  }
};

TEST_F(NatAcross, RemoteBackend) {
  node1_.set_frontend(kFrontend4, kFrontend6, kFlags, "10.20.0.7", "fd20::7", false);
  const EchoServer server(network_, Host::Pod);
  for (const std::string& text : {std::string("hello"), large()}) {
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend6, 80, text), "10.10.0.1 " + text);
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, text), "fd10::1 " + text);
  }
  for (const std::string& text : {std::string("hello"), std::string(1400, 'y')}) {
    EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend6, 80, text), "10.10.0.1 " + text);
    EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend4, 80, text), "fd10::1 " + text);
  }
}

TEST_F(NatAcross, WithWholeChecksums) {
  node1_.set_frontend(kFrontend4, kFrontend6, kFlags, "10.20.0.7", "fd20::7", false);
  network_.send_whole(Host::Client, "eth0");
  network_.send_whole(Host::Pod, "eth0");
  const EchoServer server(network_, Host::Pod);
  EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend6, 80, large()), "10.10.0.1 " + large());
  EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, large()), "fd10::1 " + large());
  EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend6, 80, "hello"), "10.10.0.1 hello");
  EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend4, 80, "hello"), "fd10::1 hello");
}

TEST_F(NatAcross, WhatSendersLeaveToDevicesIsDoneOnTheWay) {
  node1_.set_frontend(kFrontend4, kFrontend6, kFlags, "10.20.0.7", "fd20::7", false);
  network_.send_whole(Host::Node1, "front");
  network_.send_whole(Host::Node1, "back");
  const EchoServer server(network_, Host::Pod);
  EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend6, 80, large()), "10.10.0.1 " + large());
  EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, large()), "fd10::1 " + large());
  EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend6, 80, "hello"), "10.10.0.1 hello");
  EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend4, 80, "hello"), "fd10::1 hello");
}

TEST_F(NatAcross, APathWithASmallerMtuIsFoundAndAClosedPortRefuses) {
  node1_.set_frontend(kFrontend4, kFrontend6, kFlags, "10.20.0.7", "fd20::7", false);
  network_.shell(Host::Node1, "ip link set back mtu 1400");
  network_.shell(Host::Node2, "ip link set eth0 mtu 1400");
  {
    const EchoServer server(network_, Host::Pod);
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend6, 80, large()), "10.10.0.1 " + large());
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, large()), "fd10::1 " + large());
  }
  EXPECT_EQ(refusal_of_udp(network_, Host::Client, kFrontend6, 80), ECONNREFUSED);
  EXPECT_EQ(refusal_of_udp(network_, Host::Client, kFrontend4, 80), ECONNREFUSED);
}

TEST_F(NatAcross, BackendOfThisNode) {
  // What the pod answers must have a route out of a device.
  network_.shell(Host::Node1,
                 "ip route add 169.254.42.2 via 10.10.0.2 && "
                 "ip -6 route add 64:ff9b:1:42::/96 via fd10::2");
  node1_.set_frontend(kFrontend4, kFrontend6, kFlags, "10.30.0.5", "fd30::5", true);
  {
    const EchoServer server(network_, Host::OwnPod);
    for (const std::string& text : {std::string("hello"), large()}) {
      EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend6, 80, text), "169.254.42.2 " + text);
      EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, text),
                "64:ff9b:1:42::c633:6409 " + text);
    }
    for (const std::string& text : {std::string("hello"), std::string(1400, 'y')}) {
      EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend6, 80, text), "169.254.42.2 " + text);
      EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend4, 80, text),
                "64:ff9b:1:42::c633:6409 " + text);
    }
    // A way to the client that the pod must be told of: the client promises more than it carries.
    network_.shell(Host::Node1, "ip link set front mtu 1400");
    network_.shell(Host::Client,
                   "ip link set eth0 mtu 1400 && "
                   "ip route add 192.0.2.80 via 198.51.100.1 advmss 1460 && "
                   "ip -6 route add 2001:db8:80::1 via 2001:db8:1::1 advmss 1440");
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend6, 80, large()), "169.254.42.2 " + large());
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, large()),
              "64:ff9b:1:42::c633:6409 " + large());
  }
  EXPECT_EQ(refusal_of_udp(network_, Host::Client, kFrontend6, 80), ECONNREFUSED);
  EXPECT_EQ(refusal_of_udp(network_, Host::Client, kFrontend4, 80), ECONNREFUSED);
}

TEST_F(NatEndToEnd, ExcludedDestinationsSeeTheEndpoint) {
  node1_.attach("front", true);
  std::uint32_t index = 0;
  network_.in(Host::Node1, [&] { index = if_nametoindex("lxc"); });
  node1_.set_identity("10.30.0.5", 5001, index);
  const EchoServer server(network_, Host::Client);
  const auto tables = nat::Tables::open(node1_.paths().maps());
  ASSERT_TRUE(tables) << tables.error().message;
  ASSERT_TRUE(nat::set_exclusions(
      *tables, {*parse_ip_prefix("198.51.0.0/16"), *parse_ip_prefix("2001:db8::/32")}));
  EXPECT_EQ(ask_tcp(network_, Host::OwnPod, "198.51.100.9", 8080, "hello"), "10.30.0.5 hello");
  ASSERT_TRUE(nat::set_exclusions(*tables, {*parse_ip_prefix("203.0.113.0/24")}));
  EXPECT_EQ(ask_tcp(network_, Host::OwnPod, "198.51.100.9", 8080, "hello"), "198.51.100.1 hello");
}

TEST_F(NatEndToEnd, LocalBackendSeesTheClient) {
  node1_.attach("front");
  node1_.set_frontend(kFrontend4, kFrontend6, FRONTEND_LOAD_BALANCER, "10.30.0.5", "fd30::5", true);
  const EchoServer server(network_, Host::OwnPod);
  for (const std::string& text : {std::string("hello"), large()}) {
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, text), "198.51.100.9 " + text);
    EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend6, 80, text), "2001:db8:1::9 " + text);
  }
  for (const std::string& text : {std::string("hello"), std::string(4000, 'y')}) {
    EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend4, 80, text), "198.51.100.9 " + text);
    EXPECT_EQ(ask_udp(network_, Host::Client, kFrontend6, 80, text), "2001:db8:1::9 " + text);
  }
}

TEST_F(NatEndToEnd, APathWithASmallerMtuIsFound) {
  node1_.attach("front");
  node1_.attach("back");
  node1_.set_frontend(kFrontend4, kFrontend6, FRONTEND_LOAD_BALANCER, "10.20.0.7", "fd20::7",
                      false);
  network_.shell(Host::Node1, "ip link set back mtu 1300");
  network_.shell(Host::Node2, "ip link set eth0 mtu 1300");
  const EchoServer server(network_, Host::Pod);
  EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, large()), "10.10.0.1 " + large());
  EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend6, 80, large()), "fd10::1 " + large());
}

TEST_F(NatEndToEnd, EndpointsLeaveAsTheNode) {
  node1_.attach("front", true);
  std::uint32_t index = 0;
  network_.in(Host::Node1, [&] { index = if_nametoindex("lxc"); });
  node1_.set_identity("10.30.0.5", 5001, index);
  node1_.set_identity("fd30::5", 5001, index);
  const EchoServer server(network_, Host::Client);
  for (const std::string& text : {std::string("hello"), large()}) {
    EXPECT_EQ(ask_tcp(network_, Host::OwnPod, "198.51.100.9", 8080, text), "198.51.100.1 " + text);
    EXPECT_EQ(ask_tcp(network_, Host::OwnPod, "2001:db8:1::9", 8080, text),
              "2001:db8:1::1 " + text);
  }
  for (const std::string& text : {std::string("hello"), std::string(4000, 'y')}) {
    EXPECT_EQ(ask_udp(network_, Host::OwnPod, "198.51.100.9", 8080, text), "198.51.100.1 " + text);
    EXPECT_EQ(ask_udp(network_, Host::OwnPod, "2001:db8:1::9", 8080, text),
              "2001:db8:1::1 " + text);
  }
  // The node itself, and echo.
  EXPECT_EQ(ask_tcp(network_, Host::Node1, "198.51.100.9", 8080, "own"), "198.51.100.1 own");
  EXPECT_TRUE(ask_echo(network_, Host::OwnPod, "198.51.100.9"));
  EXPECT_TRUE(ask_echo(network_, Host::OwnPod, "2001:db8:1::9"));
}

TEST_F(NatEndToEnd, WhatIsTranslatedIsListedAndDetachingEndsIt) {
  node1_.attach("front");
  node1_.attach("back");
  node1_.set_frontend(kFrontend4, kFrontend6, FRONTEND_LOAD_BALANCER, "10.20.0.7", "fd20::7",
                      false);
  const EchoServer server(network_, Host::Pod);
  ASSERT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, "hello"), "10.10.0.1 hello");

  const auto collector = nat::Collector::open(node1_.paths());
  ASSERT_TRUE(collector) << collector.error().message;
  const auto now = collector->now();
  ASSERT_TRUE(now);
  const auto listed = nat::list(collector->tables(), *now);
  ASSERT_TRUE(listed);
  const auto json = nlohmann::json::parse(nat::list_text(*listed, nat::ListFormat::Json));
  bool found = false;
  for (const auto& one : json) {
    if (one["from"]["destination"] != kFrontend4) continue;
    found = true;
    EXPECT_EQ(one["protocol"], "TCP");
    EXPECT_EQ(one["from"]["source"], "198.51.100.9");
    EXPECT_EQ(one["to"]["destination"], "10.20.0.7");
    EXPECT_EQ(one["to"]["destinationPort"], 8080);
    EXPECT_EQ(one["state"], "closed");
    EXPECT_LE(one["secondsLeft"], 10);
    EXPECT_EQ(one["original"], true);
  }
  EXPECT_TRUE(found);
  EXPECT_NE(nat::list_text(*listed, nat::ListFormat::Table).find("192.0.2.80:80"),
            std::string::npos);
  const auto pass = collector->pass();
  ASSERT_TRUE(pass);
  EXPECT_GE(pass->scanned, 2U);
  EXPECT_EQ(pass->removed, 0U) << "nothing has expired";

  node1_.detach("front");
  node1_.detach("back");
  EXPECT_EQ(ask_tcp(network_, Host::Client, kFrontend4, 80, "hello"), "");
}

}  // namespace
}  // namespace policyc::test
