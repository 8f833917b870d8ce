// Which endpoints of a service get its clients.

#include "tests/unit/service/directory_view.h"

namespace policyc::service::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> takers_of(const std::string& endpoints) {
  const auto service = web(kSpec, slice(endpoints));
  return takers(service, 0);
}

TEST(Endpoints, ReadyOnesFirstThenThoseThatTerminateAndServe) {
  const std::string ready = "- {addresses: [10.0.0.1]}\n";
  const std::string serving =
      "- {addresses: [10.0.0.2], conditions: {ready: false, serving: true, terminating: true}}\n";
  const std::string ending =
      "- {addresses: [10.0.0.3], conditions: {ready: false, serving: false, terminating: true}}\n";
  const std::string unready = "- {addresses: [10.0.0.4], conditions: {ready: false}}\n";
  EXPECT_THAT(takers_of(ready + serving + ending + unready), ElementsAre("10.0.0.1"));
  EXPECT_THAT(takers_of(serving + ending + unready), ElementsAre("10.0.0.2"));
  EXPECT_THAT(takers_of(ending + unready), IsEmpty());
  // All of them keep their connections.
  const auto service = web(kSpec, slice(ready + serving + ending + unready));
  ASSERT_THAT(service.sets[0].backends, SizeIs(4));
  EXPECT_EQ(service.sets[0].backends[1].state, BACKEND_TERMINATING);
  EXPECT_EQ(service.sets[0].backends[3].state, BACKEND_MAINTENANCE);
}

TEST(Endpoints, QuarantinedOnesAreTheLastResort) {
  std::vector<Backend> backends(2);
  backends[0].state = BACKEND_QUARANTINED;
  backends[1].state = BACKEND_MAINTENANCE;
  EXPECT_THAT(takers_of_new_connections(backends), ElementsAre(0U));
  backends[1].state = BACKEND_ACTIVE;
  EXPECT_THAT(takers_of_new_connections(backends), ElementsAre(1U));
}

TEST(Endpoints, NotReadyOnesMayBePublished) {
  const auto service = web(
      "  {clusterIP: 172.20.0.1, publishNotReadyAddresses: true, ports: [{name: http, port: 80}]}",
      slice("- {addresses: [10.0.0.4], conditions: {ready: false}}\n"));
  EXPECT_THAT(takers(service, 0), ElementsAre("10.0.0.4"));
}

TEST(Endpoints, WeightsComeFromSlices) {
  const auto service = web(
      kSpec, slice("- {addresses: [10.0.0.1]}\n", "a", "{service.cilium.io/weight: \"3\"}") +
                 slice("- {addresses: [10.0.0.2]}\n", "b", "{service.cilium.io/weight: \"0\"}"));
  EXPECT_EQ(service.sets[0].backends[0].weight, 3U);
  EXPECT_EQ(service.sets[0].backends[1].state, BACKEND_MAINTENANCE);
  EXPECT_THAT(takers(service, 0), ElementsAre("10.0.0.1"));
}

TEST(Endpoints, AnEndpointInTwoSlicesIsOneBackend) {
  const auto service =
      web(kSpec, slice("- {addresses: [10.0.0.1], conditions: {ready: false}}\n", "a") +
                     slice("- {addresses: [10.0.0.1]}\n", "b"));
  ASSERT_THAT(service.sets[0].backends, SizeIs(1));
  EXPECT_EQ(service.sets[0].backends[0].state, BACKEND_ACTIVE);
}

TEST(Endpoints, PortsAreFoundByNameAndProtocol) {
  const auto service = web(
      "  {clusterIP: 172.20.0.1, ports: [{name: http, port: 80}, {name: http3, port: 80, protocol: "
      "UDP}, {name: gone, port: 9}]}",
      "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s, labels: "
      "{kubernetes.io/service-name: web}}\naddressType: IPv4\nports: [{name: http, port: 8080}, "
      "{name: http3, port: 8443, protocol: UDP}, {name: gone, port: 9, protocol: SCTP}]\n"
      "endpoints: [{addresses: [10.0.0.1]}]\n");
  ASSERT_THAT(service.sets, SizeIs(3));
  EXPECT_EQ(service.sets[0].backends[0].port, 8080);
  EXPECT_EQ(service.sets[1].protocol, kUdp);
  EXPECT_EQ(service.sets[1].backends[0].port, 8443);
  EXPECT_THAT(service.sets[2].backends, IsEmpty());
}

TEST(Endpoints, HintsAreFollowedWhenAllHaveThem) {
  const std::string spec =
      "  {clusterIP: 172.20.0.1, trafficDistribution: PreferSameZone, ports: [{name: http, port: "
      "80}]}";
  const std::string here = "- {addresses: [10.0.0.1], zone: a, hints: {forZones: [{name: a}]}}\n";
  const std::string there = "- {addresses: [10.0.0.2], zone: b, hints: {forZones: [{name: b}]}}\n";
  const std::string nowhere = "- {addresses: [10.0.0.3]}\n";
  EXPECT_THAT(takers(web(spec, slice(here + there)), 0), ElementsAre("10.0.0.1"));
  EXPECT_THAT(takers(web(spec, slice(there)), 0), ElementsAre("10.0.0.2"));
  EXPECT_THAT(takers(web(spec, slice(here + there + nowhere)), 0), SizeIs(3));
  EXPECT_THAT(takers(web(kSpec, slice(here + there)), 0), SizeIs(2));
  NodeView without = node();
  without.zone.clear();
  EXPECT_THAT(takers(web(spec, slice(here + there), without), 0), SizeIs(2));
  EXPECT_NE(zone_number("a"), zone_number("b"));
  EXPECT_EQ(zone_number(""), 0);
}

TEST(Endpoints, NodeHintsComeBeforeZoneHints) {
  const std::string spec =
      "  {clusterIP: 172.20.0.1, trafficDistribution: PreferSameNode, ports: [{name: http, port: "
      "80}]}";
  const std::string here =
      "- {addresses: [10.0.0.1], hints: {forZones: [{name: a}], forNodes: [{name: n1}]}}\n";
  const std::string zone =
      "- {addresses: [10.0.0.2], hints: {forZones: [{name: a}], forNodes: [{name: n2}]}}\n";
  const std::string far =
      "- {addresses: [10.0.0.3], hints: {forZones: [{name: b}], forNodes: [{name: n3}]}}\n";
  EXPECT_THAT(takers(web(spec, slice(here + zone + far)), 0), ElementsAre("10.0.0.1"));
  EXPECT_THAT(takers(web(spec, slice(zone + far)), 0), ElementsAre("10.0.0.2"));
}

}  // namespace
}  // namespace policyc::service::test
