#include "compiler/eval/ports.h"

namespace policyc::eval {

using policy::Protocol;

bool PortMatch::covers(Protocol flow_protocol, std::uint16_t port) const {
  if (protocol != Protocol::Any && protocol != flow_protocol) {
    return false;
  }
  return any_port || (first <= port && port <= last);
}

int PortMatch::key_length(std::uint16_t port) const {
  if (protocol == Protocol::Any) {
    return 0;
  }
  if (any_port) {
    return 1;
  }
  // The largest aligned block that holds the port and stays inside the range.
  int bits = 16;
  for (int size_bits = 1; size_bits <= 16; ++size_bits) {
    const std::uint32_t size = 1U << static_cast<unsigned>(size_bits);
    const std::uint32_t begin = port & ~(size - 1);
    if (begin < first || begin + size - 1 > last) {
      break;
    }
    bits = 16 - size_bits;
  }
  return 1 + bits;
}

NamedPortTable named_ports_of_pods(const policy::Cluster& cluster) {
  NamedPortTable table;
  for (const policy::Endpoint& endpoint : cluster.endpoints) {
    for (const policy::NamedPort& port : endpoint.ports) {
      if (const auto protocol = policy::parse_protocol(port.protocol)) {
        table[port.name].emplace(*protocol, port.port);
      }
    }
  }
  return table;
}

namespace {

std::optional<std::uint16_t> own_port(const policy::Endpoint& subject,
                                      const policy::PortSpec& spec) {
  for (const policy::NamedPort& port : subject.ports) {
    if (port.name == spec.name && policy::parse_protocol(port.protocol) == spec.protocol) {
      return port.port;
    }
  }
  return std::nullopt;
}

std::optional<std::uint16_t> only_port(const NamedPortTable& pods, const policy::PortSpec& spec) {
  const auto found = pods.find(spec.name);
  if (found == pods.end()) {
    return std::nullopt;
  }
  std::optional<std::uint16_t> number;
  for (const auto& [protocol, port] : found->second) {
    if (protocol == spec.protocol) {
      if (number) {
        return std::nullopt;
      }
      number = port;
    }
  }
  return number;
}

}  // namespace

std::optional<PortMatch> resolve_port(const policy::PortSpec& spec, policy::Direction direction,
                                      const policy::Endpoint& subject, const NamedPortTable& pods) {
  std::uint16_t first = spec.port;
  if (!spec.name.empty()) {
    const auto number =
        direction == policy::Direction::Ingress ? own_port(subject, spec) : only_port(pods, spec);
    if (!number) {
      return std::nullopt;
    }
    first = *number;
  }
  const std::uint16_t last = spec.end_port > first ? spec.end_port : first;
  const bool any_port = first == 0 && (last == 0 || last == 0xffff);
  return PortMatch{spec.protocol, any_port, first, last};
}

}  // namespace policyc::eval
