#include "loader/nat/list.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <tuple>

#include <arpa/inet.h>
#include <nlohmann/json.hpp>

#include "loader/kernel/datapath.h"
#include "runtime/abi/abi.h"

namespace policyc::nat {
namespace {

IpAddress address_of(const void* bytes, bool v6) {
  IpAddress address{.v6 = v6, .bytes = {}};
  std::memcpy(address.bytes.data(), bytes, v6 ? 16 : 4);
  return address;
}

// Of a key or a value.
template <class Place>
Tuple tuple_of(const Place& place, bool v6) {
  return {.source = address_of(&place.source, v6),
          .destination = address_of(&place.destination, v6),
          .source_port = ntohs(place.source_port),
          .destination_port = ntohs(place.destination_port)};
}

template <class Key>
Translation decode_element(const Key& key, const nat_value& value, std::uint64_t now) {
  constexpr bool kV6 = sizeof(Key) == sizeof(nat6_key);
  Translation translation;
  translation.from = tuple_of(key, kV6);
  translation.to = tuple_of(value, (value.state.flags & NAT_OTHER_FAMILY) != 0 ? !kV6 : kV6);
  translation.protocol = key.protocol;
  translation.flags = value.state.flags;
  translation.seconds_left =
      static_cast<double>(static_cast<std::int64_t>(value.state.expires - now)) /
      static_cast<double>(kernel::ticks_per_second());
  translation.frontend = value.state.frontend;
  translation.backend = value.state.backend;
  return translation;
}

template <class Key, class Value>
Result<void> add_living(const bpf::Map<Key, Value>& table, std::uint64_t now,
                        std::vector<Translation>& result) {
  return table.each([&](const Key& key, const Value& value) {
    const Translation translation = decode(key, value, now);
    if (translation.live()) result.push_back(translation);
  });
}

std::string protocol_name(std::uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP:
      return "TCP";
    case IPPROTO_UDP:
      return "UDP";
    case IPPROTO_SCTP:
      return "SCTP";
    case IPPROTO_ICMP:
      return "ICMP";
    case IPPROTO_ICMPV6:
      return "ICMPv6";
    default:
      return std::to_string(protocol);
  }
}

std::string end_text(const IpAddress& address, std::uint16_t port) {
  const std::string text = address.to_string();
  return (address.v6 ? "[" + text + "]" : text) + ":" + std::to_string(port);
}

std::string tuple_text(const Tuple& tuple) {
  return end_text(tuple.source, tuple.source_port) + " -> " +
         end_text(tuple.destination, tuple.destination_port);
}

const char* state_name(std::uint16_t flags) {
  constexpr std::uint16_t kClosed = CT_CLOSING_ORIG | CT_CLOSING_REPLY;
  if ((flags & kClosed) == kClosed) return "closed";
  if ((flags & kClosed) != 0) return "closing";
  return (flags & CT_SEEN_REPLY) != 0 ? "established" : "new";
}

std::string table_text(const std::vector<Translation>& translations) {
  std::size_t from = 4, to = 7;
  for (const Translation& one : translations) {
    from = std::max(from, tuple_text(one.from).size());
    to = std::max(to, tuple_text(one.to).size());
  }
  std::string text;
  const auto line = [&](const std::string& protocol, const std::string& a, const std::string& b,
                        const std::string& hook, const std::string& state,
                        const std::string& rest) {
    char buffer[512];
    std::snprintf(buffer, sizeof buffer, "%-8s  %-*s  %-*s  %-7s  %-11s  %s\n", protocol.c_str(),
                  static_cast<int>(from), a.c_str(), static_cast<int>(to), b.c_str(), hook.c_str(),
                  state.c_str(), rest.c_str());
    text += buffer;
  };
  line("PROTOCOL", "FROM", "BECOMES", "HOOK", "STATE", "SECONDS");
  for (const Translation& one : translations) {
    line(protocol_name(one.protocol), tuple_text(one.from), tuple_text(one.to),
         (one.flags & NAT_EGRESS) != 0 ? "egress" : "ingress", state_name(one.flags),
         std::to_string(static_cast<long>(one.seconds_left)));
  }
  return text;
}

nlohmann::ordered_json json_of(const Tuple& tuple) {
  return {{"source", tuple.source.to_string()},
          {"sourcePort", tuple.source_port},
          {"destination", tuple.destination.to_string()},
          {"destinationPort", tuple.destination_port}};
}

std::string json_text(const std::vector<Translation>& translations) {
  auto array = nlohmann::ordered_json::array();
  for (const Translation& one : translations) {
    array.push_back({{"protocol", protocol_name(one.protocol)},
                     {"from", json_of(one.from)},
                     {"to", json_of(one.to)},
                     {"hook", (one.flags & NAT_EGRESS) != 0 ? "egress" : "ingress"},
                     {"original", (one.flags & NAT_ORIGINAL) != 0},
                     {"dsr", (one.flags & NAT_DSR) != 0},
                     {"state", state_name(one.flags)},
                     {"secondsLeft", static_cast<long>(one.seconds_left)},
                     {"frontend", one.frontend},
                     {"backend", one.backend}});
  }
  return array.dump(2) + "\n";
}

}  // namespace

Translation decode(const nat4_key& key, const nat_value& value, std::uint64_t now) {
  return decode_element(key, value, now);
}

Translation decode(const nat6_key& key, const nat_value& value, std::uint64_t now) {
  return decode_element(key, value, now);
}

Result<std::vector<Translation>> list(const Tables& tables, std::uint64_t now) {
  std::vector<Translation> result;
  if (auto done = add_living(tables.nat4, now, result); !done) return std::unexpected(done.error());
  if (auto done = add_living(tables.nat6, now, result); !done) return std::unexpected(done.error());
  const auto order = [](const Translation& one) {
    return std::tie(one.protocol, one.from.source, one.from.source_port, one.from.destination,
                    one.from.destination_port);
  };
  std::ranges::sort(
      result, [&](const Translation& a, const Translation& b) { return order(a) < order(b); });
  return result;
}

std::string list_text(const std::vector<Translation>& translations, ListFormat format) {
  return format == ListFormat::Table ? table_text(translations) : json_text(translations);
}

}  // namespace policyc::nat
