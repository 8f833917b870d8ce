#include "loader/observe/hubble.h"

#include <algorithm>
#include <array>

#include "compiler/policy/icmp_types.h"
#include "runtime/abi/abi.h"

namespace policyc::observe {
namespace {

constexpr std::array<std::string_view, 8> kVerdicts{"VERDICT_UNKNOWN", "FORWARDED", "DROPPED",
                                                    "ERROR",           "AUDIT",     "REDIRECTED",
                                                    "TRACED",          "TRANSLATED"};
constexpr std::array<std::string_view, 7> kMatchTypes{"none", "L3-Only",  "L3-L4",     "L4-Only",
                                                      "all",  "L3-Proto", "Proto-Only"};
constexpr std::array<std::string_view, 11> kReserved{
    "unknown",     "host",           "world",   "unmanaged",  "health",    "init",
    "remote-node", "kube-apiserver", "ingress", "world-ipv4", "world-ipv6"};

struct Mapping {
  policyc_drop_reason reason;
  DropCode code;
};

// The others have no counterpart: a proxy that is missing, a map entry that is.
constexpr Mapping kCodes[] = {
    {DROP_POLICY_DEFAULT_DENY, {133, "POLICY_DENIED", "Policy denied"}},
    {DROP_POLICY_DENY, {181, "POLICY_DENY", "Policy denied by denylist"}},
    {DROP_UNKNOWN_ENDPOINT,
     {152, "NO_MATCHING_LOCAL_CONTAINER_FOUND", "No matching local container found"}},
    {DROP_INVALID_SOURCE_MAC, {130, "INVALID_SOURCE_MAC", "Invalid source mac"}},
    {DROP_INVALID_SOURCE_ADDRESS, {132, "INVALID_SOURCE_IP", "Invalid source ip"}},
    {DROP_TRUNCATED, {134, "INVALID_PACKET_DROPPED", "Invalid packet"}},
    {DROP_MALFORMED, {134, "INVALID_PACKET_DROPPED", "Invalid packet"}},
    {DROP_UNKNOWN_ETHERTYPE, {139, "UNSUPPORTED_L3_PROTOCOL", "Unsupported L3 protocol"}},
    {DROP_UNKNOWN_PROTOCOL, {137, "CT_UNKNOWN_L4_PROTOCOL", "CT: Unknown L4 protocol"}},
    {DROP_TOO_MANY_EXTENSION_HEADERS,
     {156, "INVALID_IPV6_EXTENSION_HEADER", "Invalid IPv6 extension header"}},
    {DROP_FRAGMENT_WITHOUT_FIRST,
     {175, "FIRST_LOGICAL_DATAGRAM_FRAGMENT_NOT_FOUND",
      "First logical datagram fragment not found"}},
    {DROP_CONNTRACK_FULL, {155, "CT_MAP_INSERTION_FAILED", "CT: Map insertion failed"}},
    {DROP_CONNTRACK_INVALID,
     {163, "UNKNOWN_CONNECTION_TRACKING_STATE", "Unknown connection tracking state"}},
    {DROP_AUTH_REQUIRED, {189, "AUTH_REQUIRED", "Authentication required"}},
    {DROP_FRAGMENTED_ICMP,
     {157, "IP_FRAGMENTATION_NOT_SUPPORTED", "IP fragmentation not supported"}},
    {DROP_SERVICE_NO_BACKEND, {158, "SERVICE_BACKEND_NOT_FOUND", "Service backend not found"}},
    {DROP_SERVICE_UNKNOWN_PORT, {158, "SERVICE_BACKEND_NOT_FOUND", "Service backend not found"}},
    {DROP_SERVICE_BACKEND_GONE, {158, "SERVICE_BACKEND_NOT_FOUND", "Service backend not found"}},
    {DROP_SERVICE_SOURCE_RANGE,
     {177, "DENIED_BY_LB_SRC_RANGE_CHECK", "Denied by LB src range check"}},
    {DROP_SERVICE_NOT_ROUTABLE, {174, "IS_A_CLUSTERIP", "Is a ClusterIP"}},
    {DROP_NAT_NO_PORT, {167, "NO_MAPPING_FOR_NAT_MASQUERADE", "No mapping for NAT masquerade"}},
    {DROP_NAT_UNSUPPORTED,
     {168, "UNSUPPORTED_PROTOCOL_FOR_NAT_MASQUERADE", "Unsupported protocol for NAT masquerade"}},
    {DROP_NAT_NO_ROUTE, {169, "FIB_LOOKUP_FAILED", "FIB lookup failed"}},
    {DROP_NAT_HOP_LIMIT, {196, "TTL_EXCEEDED", "TTL exceeded"}},
    {DROP_POLICY_MISSING, {203, "DROP_EP_NOT_READY", "Endpoint policy program not available"}},
};

constexpr DropCode kNoCode{};

}  // namespace

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string_view verdict_name(FlowVerdict verdict) {
  return kVerdicts[static_cast<std::size_t>(verdict)];
}

std::optional<FlowVerdict> parse_verdict(std::string_view name) {
  for (std::size_t i = 0; i < kVerdicts.size(); ++i) {
    if (lower_case(kVerdicts[i]) == lower_case(name)) return static_cast<FlowVerdict>(i);
  }
  return std::nullopt;
}

std::string_view match_type_name(MatchType type) {
  return kMatchTypes[static_cast<std::size_t>(type)];
}

const DropCode& drop_code(std::uint8_t reason) {
  for (const Mapping& mapping : kCodes) {
    if (mapping.reason == reason) return mapping.code;
  }
  return kNoCode;
}

std::optional<std::uint32_t> parse_drop_code(std::string_view name) {
  for (const Mapping& mapping : kCodes) {
    if (lower_case(mapping.code.name) == lower_case(name)) return mapping.code.number;
  }
  return std::nullopt;
}

std::vector<std::string_view> drop_code_names() {
  std::vector<std::string_view> names;
  for (const Mapping& mapping : kCodes) {
    if (std::ranges::find(names, mapping.code.name) == names.end())
      names.push_back(mapping.code.name);
  }
  return names;
}

std::string_view reserved_identity_name(std::uint32_t identity) {
  return identity < kReserved.size() ? kReserved[identity] : std::string_view();
}

std::optional<std::uint32_t> parse_reserved_identity(std::string_view name) {
  for (std::uint32_t i = 0; i < kReserved.size(); ++i) {
    if (kReserved[i] == name) return i;
  }
  return std::nullopt;
}

std::string_view icmp_type_name(bool v6, std::uint8_t type) {
  // The last name of a number is the full one: "Echo", "EchoRequest".
  std::string_view found;
  for (const std::string_view name : policy::icmp_type_names(v6)) {
    if (policy::icmp_type_number(v6, name) == type) found = name;
  }
  return found;
}

}  // namespace policyc::observe
