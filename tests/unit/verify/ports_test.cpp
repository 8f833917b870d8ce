// The ports that are asked: both sides of every edge, whatever was compiled.
#include "compiler/verify/ports.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace policyc::verify {
namespace {

using ::testing::IsSupersetOf;

Subject subject_with(std::vector<policy::PortSpec> ports) {
  policy::Entry entry;
  entry.l3 = policy::L3::Empty;
  entry.has_l4 = true;
  policy::EntryPorts element;
  element.ports = std::move(ports);
  entry.l4 = {element};
  Subject subject;
  subject.endpoint.ports = {{"web", 8443, "TCP"}};
  subject.own.entries = {entry};
  return subject;
}

policy::PortSpec port(policy::Protocol protocol, std::uint16_t first, std::uint16_t end = 0,
                      std::string name = {}) {
  policy::PortSpec spec;
  spec.protocol = protocol;
  spec.port = first;
  spec.end_port = end;
  spec.name = std::move(name);
  return spec;
}

std::vector<PortAtom> atoms(const Subject& subject, const ir::DirectionShape& compiled = {}) {
  return port_atoms(subject, policy::Direction::Ingress, {}, compiled);
}

TEST(Ports, LieOnBothSidesOfEveryEdge) {
  const auto found = atoms(subject_with({port(policy::Protocol::Tcp, 8000, 8100)}));
  EXPECT_THAT(found, IsSupersetOf(std::vector<PortAtom>{
                         {6, 7999}, {6, 8000}, {6, 8100}, {6, 8101}, {17, 8000}, {132, 8000}}));
}

TEST(Ports, StayInTheirRangeAtTheEnds) {
  const auto found = atoms(subject_with({port(policy::Protocol::Udp, 1, 0xffff)}));
  EXPECT_THAT(found, IsSupersetOf(std::vector<PortAtom>{{17, 0}, {17, 1}, {17, 0xffff}}));
  const auto icmp = atoms(subject_with({port(policy::Protocol::Icmp, 255)}));
  EXPECT_TRUE(std::none_of(icmp.begin(), icmp.end(), [](const PortAtom& atom) {
    return atom.protocol == 1 && atom.port > 255;
  }));
}

TEST(Ports, OfNamesAreThoseOfTheSubject) {
  const auto found = atoms(subject_with({port(policy::Protocol::Tcp, 0, 0, "web")}));
  EXPECT_THAT(found, IsSupersetOf(std::vector<PortAtom>{{6, 8442}, {6, 8443}, {6, 8444}}));
}

TEST(Ports, IncludeTheEdgesOfTheObject) {
  ir::DirectionShape compiled;
  matrix::MatrixRule rule{1, 1, true, {}, {{17, 53, 54}}};
  compiled.matrix = matrix::VerdictMatrix({rule}, 0);
  EXPECT_THAT(atoms(subject_with({}), compiled),
              IsSupersetOf(std::vector<PortAtom>{{17, 52}, {17, 53}, {17, 54}, {17, 55}}));
}

TEST(Ports, IncludeProtocolsWithoutPorts) {
  EXPECT_THAT(atoms(subject_with({})),
              IsSupersetOf(std::vector<PortAtom>{{2, 0}, {112, 0}, {47, 0}, {1, 8}, {58, 128}}));
}

}  // namespace
}  // namespace policyc::verify
