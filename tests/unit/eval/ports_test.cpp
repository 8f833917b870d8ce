#include "compiler/eval/ports.h"

#include <gtest/gtest.h>

namespace policyc::eval {
namespace {

using policy::Direction;
using policy::PortSpec;
using policy::Protocol;

PortMatch range(std::uint16_t first, std::uint16_t last) {
  return {Protocol::Tcp, false, first, last};
}

PortSpec named(const std::string& name, Protocol protocol, std::uint16_t end_port = 0) {
  PortSpec spec;
  spec.name = name;
  spec.protocol = protocol;
  spec.end_port = end_port;
  return spec;
}

PortSpec numbered(std::uint16_t port, std::uint16_t end_port) {
  PortSpec spec;
  spec.protocol = Protocol::Tcp;
  spec.port = port;
  spec.end_port = end_port;
  return spec;
}

TEST(PortMatch, CoversItsRangeOfItsProtocol) {
  EXPECT_TRUE(range(80, 90).covers(Protocol::Tcp, 80));
  EXPECT_TRUE(range(80, 90).covers(Protocol::Tcp, 90));
  EXPECT_FALSE(range(80, 90).covers(Protocol::Tcp, 91));
  EXPECT_FALSE(range(80, 90).covers(Protocol::Udp, 85));
  EXPECT_TRUE(PortMatch{}.covers(Protocol::Icmp, 8));
}

TEST(PortMatch, KeysAreAlignedBlocksOfTheRange) {
  EXPECT_EQ(PortMatch{}.key_length(80), 0);
  EXPECT_EQ((PortMatch{Protocol::Tcp, true, 0, 0}.key_length(80)), 1);
  EXPECT_EQ(range(80, 80).key_length(80), 17);
  EXPECT_EQ(range(80, 444).key_length(80), 13);   // 80-95
  EXPECT_EQ(range(80, 444).key_length(130), 10);  // 128-255
  EXPECT_EQ(range(80, 444).key_length(444), 17);
  EXPECT_EQ(range(1, 65535).key_length(65535), 2);  // 32768-65535
}

TEST(ResolvePort, RangesThatEndBelowTheirStartAreSinglePorts) {
  const policy::Endpoint subject;
  const auto single = resolve_port(numbered(90, 80), Direction::Ingress, subject, {});
  EXPECT_EQ(single->first, 90);
  EXPECT_EQ(single->last, 90);
  EXPECT_TRUE(resolve_port(numbered(0, 0), Direction::Ingress, subject, {})->any_port);
  EXPECT_TRUE(resolve_port(numbered(0, 65535), Direction::Ingress, subject, {})->any_port);
  EXPECT_FALSE(resolve_port(numbered(0, 1023), Direction::Ingress, subject, {})
                   ->covers(Protocol::Tcp, 1024));
}

TEST(ResolvePort, NamesOnIngressAreTheSubjectsOwn) {
  policy::Endpoint subject;
  subject.ports = {{"http", 8080, "TCP"}};
  EXPECT_EQ(resolve_port(named("http", Protocol::Tcp), Direction::Ingress, subject, {})->first,
            8080);
  EXPECT_EQ(resolve_port(named("http", Protocol::Tcp, 8090), Direction::Ingress, subject, {})->last,
            8090);
  EXPECT_FALSE(resolve_port(named("http", Protocol::Udp), Direction::Ingress, subject, {}));
  EXPECT_FALSE(resolve_port(named("metrics", Protocol::Tcp), Direction::Ingress, subject, {}));
}

TEST(ResolvePort, NamesOnEgressAreThoseOfAllPodsUnlessAmbiguous) {
  policy::Cluster cluster;
  cluster.endpoints.resize(3);
  cluster.endpoints[0].ports = {{"http", 80, "TCP"}, {"dns", 53, "UDP"}, {"web", 81, "TCP"}};
  cluster.endpoints[1].ports = {{"http", 8080, "TCP"}, {"dns", 54, "TCP"}};
  cluster.endpoints[2].ports = {{"web", 81, "TCP"}};
  const NamedPortTable pods = named_ports_of_pods(cluster);
  const policy::Endpoint subject;
  EXPECT_FALSE(resolve_port(named("http", Protocol::Tcp), Direction::Egress, subject, pods));
  EXPECT_EQ(resolve_port(named("dns", Protocol::Udp), Direction::Egress, subject, pods)->first, 53);
  EXPECT_EQ(resolve_port(named("web", Protocol::Tcp), Direction::Egress, subject, pods)->first, 81);
}

}  // namespace
}  // namespace policyc::eval
