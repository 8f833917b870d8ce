#include "compiler/policy/entry.h"

#include <array>

namespace policyc::policy {

namespace {

struct ProtocolName {
  Protocol protocol;
  std::string_view name;
};

constexpr std::array kProtocolNames = {
    ProtocolName{Protocol::Any, "ANY"},   ProtocolName{Protocol::Icmp, "ICMP"},
    ProtocolName{Protocol::Igmp, "IGMP"}, ProtocolName{Protocol::Tcp, "TCP"},
    ProtocolName{Protocol::Udp, "UDP"},   ProtocolName{Protocol::IcmpV6, "ICMPv6"},
    ProtocolName{Protocol::Vrrp, "VRRP"}, ProtocolName{Protocol::Sctp, "SCTP"},
};

std::string_view kind_name(PolicyKind kind) {
  switch (kind) {
    case PolicyKind::CiliumNetworkPolicy:
      return "CiliumNetworkPolicy";
    case PolicyKind::CiliumClusterwideNetworkPolicy:
      return "CiliumClusterwideNetworkPolicy";
    case PolicyKind::NetworkPolicy:
      return "NetworkPolicy";
  }
  return "";
}

}  // namespace

std::string_view protocol_name(Protocol protocol) {
  for (const ProtocolName& entry : kProtocolNames) {
    if (entry.protocol == protocol) {
      return entry.name;
    }
  }
  return "unknown";
}

std::optional<Protocol> parse_protocol(std::string_view name) {
  for (const ProtocolName& entry : kProtocolNames) {
    if (entry.name == name) {
      return entry.protocol;
    }
  }
  return std::nullopt;
}

std::string_view parser_name(Parser parser) {
  switch (parser) {
    case Parser::None:
    case Parser::Generic:
      return "";
    case Parser::Http:
      return "http";
    case Parser::Kafka:
      return "kafka";
    case Parser::Tls:
      return "tls";
    case Parser::Dns:
      return "dns";
    case Parser::Crd:
      return "crd";
  }
  return "";
}

std::uint8_t parser_priority(Parser parser) {
  switch (parser) {
    case Parser::None:
      return 0;
    case Parser::Http:
      return 101;
    case Parser::Kafka:
      return 106;
    case Parser::Generic:
      return 111;
    case Parser::Tls:
      return 116;
    case Parser::Dns:
      return 121;
    case Parser::Crd:
      return 126;
  }
  return 0;
}

std::string_view auth_name(AuthType type) {
  switch (type) {
    case AuthType::Disabled:
      return "disabled";
    case AuthType::Spire:
      return "spire";
    case AuthType::AlwaysFail:
      return "test-always-fail";
  }
  return "";
}

std::string ListenerRef::qualified(const std::string& subject_namespace) const {
  return (clusterwide ? std::string() : subject_namespace) + "/" + config + "/" + name;
}

std::string Origin::object() const {
  const std::string prefix = std::string(kind_name(kind)) + "/";
  return namespace_.empty() ? prefix + name : prefix + namespace_ + "/" + name;
}

}  // namespace policyc::policy
