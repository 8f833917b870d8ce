// From an endpoint to a device of the node, by the node's routes but without its stack.
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/unit/loader/load_fixture.h"

namespace policyc::testing {
namespace {

constexpr const char* kOutside = "10.9.2.1";
constexpr std::uint16_t kPort = 7000;

// Packets that the node's IPv4 stack has forwarded.
std::uint64_t forwarded() {
  std::ifstream file("/proc/net/snmp");
  std::string names, values;
  while (std::getline(file, names) && std::getline(file, values)) {
    if (!names.starts_with("Ip: ")) continue;
    std::istringstream name(names), value(values);
    for (std::string n, v; name >> n && value >> v;) {
      if (n == "ForwDatagrams") return std::stoull(v);
    }
  }
  throw std::runtime_error("no count of forwarded packets");
}

class EgressTest : public LoadTest {
 protected:
  void SetUp() override {
    LoadTest::SetUp();
    web_ = std::make_unique<Pod>("web0", "10.9.1.1");
    outside_ = std::make_unique<Pod>("out0", kOutside);
    shell(
        "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.web0.proxy_arp=1 "
        "net.ipv4.neigh.web0.proxy_delay=0");
  }
  void TearDown() override {
    web_.reset();
    outside_.reset();
    LoadTest::TearDown();
  }
  void load(bool egress_delivery) const {
    auto wanted = request(object("client", 53), *web_);
    wanted.egress_delivery = egress_delivery;
    must(endpoint::load_endpoint(paths_, wanted));
  }
  // Datagrams of one connection that arrive outside, and the hop limit of the last.
  struct Arrived {
    int count = 0;
    int ttl = 0;
  };
  [[nodiscard]] Arrived send(int count) const {
    bpf::Fd server, client;
    outside_->inside([&] { server = host_udp_socket(kOutside, kPort); });
    client = web_->udp_socket(0);
    const int on = 1;
    ::setsockopt(server.get(), IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    Arrived arrived;
    for (int i = 0; i < count; ++i) {
      send_datagram(client, kOutside, kPort);
      if (!receives(server)) continue;
      char byte = 0, control[64];
      iovec part{&byte, 1};
      msghdr message{};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      if (::recvmsg(server.get(), &message, 0) != 1) continue;
      ++arrived.count;
      if (const cmsghdr* first = CMSG_FIRSTHDR(&message); first != nullptr)
        std::memcpy(&arrived.ttl, CMSG_DATA(first), sizeof arrived.ttl);
    }
    return arrived;
  }

  std::unique_ptr<Pod> web_, outside_;
};
INSTANTIATE_TEST_SUITE_P(Hooks, EgressTest,
                         ::testing::Values(attach::HookChoice::Tcx, attach::HookChoice::Clsact),
                         [](const auto& test) {
                           return test.param == attach::HookChoice::Tcx ? "tcx" : "clsact";
                         });

TEST_P(EgressTest, ByDefaultTheStackForwards) {
  load(false);
  const std::uint64_t before = forwarded();
  EXPECT_EQ(send(3).count, 3);
  EXPECT_GE(forwarded(), before + 3);
}

TEST_P(EgressTest, WithItThePacketsArriveWithoutTheStack) {
  load(true);
  const std::uint64_t before = forwarded();
  const Arrived arrived = send(3);
  EXPECT_EQ(arrived.count, 3);
  EXPECT_EQ(arrived.ttl, 63) << "one hop less, as by a router";
  EXPECT_EQ(forwarded(), before);
}

TEST_P(EgressTest, WhoHasAQueueIsForwardedByTheStack) {
  for (const std::string queue : {"root tbf rate 1gbit burst 1mb latency 25ms", "ingress"}) {
    // With clsact the place of "ingress" is ours.
    if (queue == "ingress" && GetParam() == attach::HookChoice::Clsact) continue;
    shell("tc qdisc add dev web0 " + queue);
    load(true);
    const std::uint64_t before = forwarded();
    EXPECT_EQ(send(3).count, 3) << queue;
    EXPECT_GE(forwarded(), before + 3) << queue;
    shell("tc qdisc del dev web0 " + queue.substr(0, queue.find(' ')));
  }
}

TEST_P(EgressTest, WhatIsForTheHostGoesByTheStack) {
  load(true);
  EXPECT_TRUE(web_->reaches(kClient, 5353));
}

TEST_P(EgressTest, WithoutANeighbourItIsAskedFor) {
  shell("ip neigh flush dev out0 && ip neigh del " + std::string(kOutside) + " dev out0; true");
  load(true);
  EXPECT_EQ(send(3).count, 3);
}

TEST_P(EgressTest, WithoutForwardingNothingIsForwarded) {
  load(true);
  shell("sysctl -qw net.ipv4.conf.web0.forwarding=0");
  EXPECT_EQ(send(1).count, 0);
}

}  // namespace
}  // namespace policyc::testing
