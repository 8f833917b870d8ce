#include "compiler/verify/ports.h"

#include <algorithm>
#include <array>
#include <set>

namespace policyc::verify {
namespace {

using policy::Protocol;

constexpr std::uint16_t kMaxPort = 0xffff;
constexpr std::uint16_t kMaxIcmpType = 0xff;
constexpr std::uint16_t kUsualPorts[] = {0, 1, 31337, kMaxPort};
constexpr std::uint16_t kUsualTypes4[] = {0, 8, 13, kMaxIcmpType};
constexpr std::uint16_t kUsualTypes6[] = {0, 128, 129, kMaxIcmpType};
constexpr std::uint8_t kGre = 47, kExperiment = 253;

std::uint8_t number(Protocol protocol) { return static_cast<std::uint8_t>(protocol); }

const std::array kWithPorts = {number(Protocol::Tcp), number(Protocol::Udp),
                               number(Protocol::Sctp)};

bool is_icmp(std::uint8_t protocol) {
  return protocol == number(Protocol::Icmp) || protocol == number(Protocol::IcmpV6);
}

bool is_discovery(const PortAtom& atom) {
  return atom.protocol == number(Protocol::IcmpV6) && atom.port >= 133 && atom.port <= 137;
}

class PortCollector {
 public:
  // Whatever the policy says.
  void add_usual() {
    for (const std::uint8_t protocol : kWithPorts) {
      for (const std::uint16_t port : kUsualPorts) add(protocol, port);
    }
    for (const std::uint16_t type : kUsualTypes4) add(number(Protocol::Icmp), type);
    for (const std::uint16_t type : kUsualTypes6) add(number(Protocol::IcmpV6), type);
    for (const std::uint8_t protocol :
         {number(Protocol::Igmp), number(Protocol::Vrrp), kGre, kExperiment})
      add(protocol, 0);
  }

  void add_statement(const eval::PortMatch& match) {
    const std::uint8_t protocol = number(match.protocol);
    if (match.any_port) {
      add(protocol, 0);
      return;
    }
    if (match.protocol == Protocol::Any) return add_edges_everywhere(match.first, match.last);
    add_edges(protocol, match.first, match.last);
    // The same number means nothing in another protocol.
    const bool has_ports =
        std::find(kWithPorts.begin(), kWithPorts.end(), protocol) != kWithPorts.end();
    for (const std::uint8_t other : kWithPorts) {
      if (has_ports) add(other, match.first);
    }
    if (is_icmp(protocol)) {
      add(number(Protocol::Icmp), match.first);
      add(number(Protocol::IcmpV6), match.first);
    }
  }

  void add_compiled(const matrix::VerdictMatrix& matrix) {
    for (const matrix::ProtocolColumns& columns : matrix.protocols()) {
      for (const matrix::ColumnInterval& interval : columns.intervals) {
        if (interval.first == 0) continue;
        if (columns.protocol == matrix::kAnyProtocol) {
          add_edges_everywhere(interval.first, interval.first);
        } else {
          add(columns.protocol, static_cast<std::uint16_t>(interval.first - 1));
          add(columns.protocol, interval.first);
        }
      }
      if (columns.protocol != matrix::kAnyProtocol) add(columns.protocol, 0);
    }
  }

  std::vector<PortAtom> take() {
    std::erase_if(atoms_, is_discovery);
    return {atoms_.begin(), atoms_.end()};
  }

 private:
  void add(std::uint8_t protocol, std::uint16_t port) {
    const bool has_ports =
        std::find(kWithPorts.begin(), kWithPorts.end(), protocol) != kWithPorts.end();
    if (protocol == number(Protocol::Any)) return;  // its ports are the usual ones
    if (is_icmp(protocol) ? port <= kMaxIcmpType : has_ports || port == 0)
      atoms_.insert({protocol, port});
  }

  void add_edges(std::uint8_t protocol, std::uint16_t first, std::uint16_t last) {
    if (first > 0) add(protocol, static_cast<std::uint16_t>(first - 1));
    add(protocol, first);
    add(protocol, last);
    if (last < kMaxPort) add(protocol, static_cast<std::uint16_t>(last + 1));
  }

  void add_edges_everywhere(std::uint16_t first, std::uint16_t last) {
    for (const std::uint8_t protocol : kWithPorts) add_edges(protocol, first, last);
    add_edges(number(Protocol::Icmp), first, last);
    add_edges(number(Protocol::IcmpV6), first, last);
  }

  std::set<PortAtom> atoms_;
};

}  // namespace

std::vector<PortAtom> port_atoms(const Subject& subject, policy::Direction direction,
                                 const policy::Cluster& cluster,
                                 const ir::DirectionShape& compiled) {
  PortCollector out;
  out.add_usual();
  const eval::NamedPortTable pods = eval::named_ports_of_pods(cluster);
  for (const policy::Entry& entry : subject.own.entries) {
    if (entry.direction != direction) continue;
    for (const policy::EntryPorts& ports : entry.l4) {
      for (const policy::PortSpec& spec : ports.ports) {
        if (const auto match = eval::resolve_port(spec, direction, subject.endpoint, pods))
          out.add_statement(*match);
      }
    }
  }
  out.add_compiled(compiled.matrix);
  return out.take();
}

}  // namespace policyc::verify
