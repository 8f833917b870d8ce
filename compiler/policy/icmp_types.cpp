#include "compiler/policy/icmp_types.h"

#include <array>
#include <span>

namespace policyc::policy {
namespace {

struct IcmpName {
  std::string_view name;
  std::uint8_t number;
};

constexpr std::array<IcmpName, 14> kIpv4{{{"EchoReply", 0},
                                          {"DestinationUnreachable", 3},
                                          {"Redirect", 5},
                                          {"Echo", 8},
                                          {"EchoRequest", 8},
                                          {"RouterAdvertisement", 9},
                                          {"RouterSelection", 10},
                                          {"TimeExceeded", 11},
                                          {"ParameterProblem", 12},
                                          {"Timestamp", 13},
                                          {"TimestampReply", 14},
                                          {"Photuris", 40},
                                          {"ExtendedEchoRequest", 42},
                                          {"ExtendedEchoReply", 43}}};

constexpr std::array<IcmpName, 27> kIpv6{{{"DestinationUnreachable", 1},
                                          {"PacketTooBig", 2},
                                          {"TimeExceeded", 3},
                                          {"ParameterProblem", 4},
                                          {"EchoRequest", 128},
                                          {"EchoReply", 129},
                                          {"MulticastListenerQuery", 130},
                                          {"MulticastListenerReport", 131},
                                          {"MulticastListenerDone", 132},
                                          {"RouterSolicitation", 133},
                                          {"RouterAdvertisement", 134},
                                          {"NeighborSolicitation", 135},
                                          {"NeighborAdvertisement", 136},
                                          {"RedirectMessage", 137},
                                          {"RouterRenumbering", 138},
                                          {"ICMPNodeInformationQuery", 139},
                                          {"ICMPNodeInformationResponse", 140},
                                          {"InverseNeighborDiscoverySolicitation", 141},
                                          {"InverseNeighborDiscoveryAdvertisement", 142},
                                          {"HomeAgentAddressDiscoveryRequest", 144},
                                          {"HomeAgentAddressDiscoveryReply", 145},
                                          {"MobilePrefixSolicitation", 146},
                                          {"MobilePrefixAdvertisement", 147},
                                          {"DuplicateAddressRequestCodeSuffix", 157},
                                          {"DuplicateAddressConfirmationCodeSuffix", 158},
                                          {"ExtendedEchoRequest", 160},
                                          {"ExtendedEchoReply", 161}}};

std::span<const IcmpName> names_of(bool v6) {
  if (v6) return kIpv6;
  return kIpv4;
}

}  // namespace

std::optional<std::uint8_t> icmp_type_number(bool v6, std::string_view name) {
  for (const IcmpName& entry : names_of(v6)) {
    if (entry.name == name) return entry.number;
  }
  return std::nullopt;
}

std::vector<std::string_view> icmp_type_names(bool v6) {
  std::vector<std::string_view> result;
  for (const IcmpName& entry : names_of(v6)) result.push_back(entry.name);
  return result;
}

}  // namespace policyc::policy
