#include "loader/conntrack/connection.h"

#include <cstring>

#include <arpa/inet.h>

#include "loader/kernel/datapath.h"
#include "loader/maps/connection_table.h"

namespace policyc::conntrack {
namespace {

constexpr std::uint8_t kClosed = CT_CLOSING_ORIG | CT_CLOSING_REPLY;

ConnectionState state_of(const ct_value& value) {
  if ((value.flags & kClosed) == kClosed) return ConnectionState::Closed;
  if ((value.flags & kClosed) != 0) return ConnectionState::Closing;
  if ((value.flags & CT_SEEN_REPLY) != 0) return ConnectionState::Established;
  return ConnectionState::New;
}

IpAddress address_of(const void* bytes, bool v6) {
  IpAddress address{.v6 = v6, .bytes = {}};
  std::memcpy(address.bytes.data(), bytes, v6 ? 16 : 4);
  return address;
}

template <class Key>
Connection decode_entry(const Key& key, const ct_value& value, std::uint64_t now) {
  constexpr bool kV6 = sizeof(Key) == sizeof(ct6_key);
  Connection connection;
  connection.local = address_of(&key.local_address, kV6);
  connection.remote = address_of(&key.remote_address, kV6);
  connection.protocol = key.protocol;
  // remote_port is a direction there.
  if (key.protocol == IPPROTO_ICMP || key.protocol == IPPROTO_ICMPV6) {
    connection.echo_id = ntohs(key.local_port);
  } else {
    connection.local_port = ntohs(key.local_port);
    connection.remote_port = ntohs(key.remote_port);
  }
  connection.direction = value.direction == POLICYC_EGRESS ? POLICYC_EGRESS : POLICYC_INGRESS;
  connection.state = state_of(value);
  connection.seconds_left = static_cast<double>(static_cast<std::int64_t>(value.expires - now)) /
                            static_cast<double>(kernel::ticks_per_second());
  connection.tcp_flags = value.tcp_flags_orig;
  connection.tcp_flags_reply = value.tcp_flags_reply;
  connection.decision = value.decision;
  connection.peer_identity = value.peer_identity;
  connection.policy_epoch = value.policy_epoch;
  connection.deliver_to = value.deliver_to;
  connection.packets = value.packets;
  connection.bytes = value.bytes;
  return connection;
}

// False when `visit` stopped it.
template <class Bucket>
Result<bool> each_of(const Result<maps::ConnectionTable<Bucket>>& table, std::uint64_t now,
                     const std::function<bool(const Connection&)>& visit) {
  if (!table) return std::unexpected(table.error());
  for (std::size_t number = 0; number < table->capacity(); ++number) {
    const auto slot = table->read(number);
    if (!slot || slot->value.expires == CT_ENDED || slot->value.expires == CT_BUSY) continue;
    if (!visit(decode(slot->key, slot->value, now))) return false;
  }
  return true;
}

template <class Key>
Result<bool> each_in_overflow(const bpf::Map<Key, ct_value>& table, std::uint64_t now,
                              const std::function<bool(const Connection&)>& visit) {
  bool wanted = true;
  const auto done =
      table.handle().each_batch_raw([&](const void* keys, const void* values, std::size_t count) {
        for (std::size_t i = 0; i < count && wanted; ++i) {
          Connection connection = decode(static_cast<const Key*>(keys)[i],
                                         static_cast<const ct_value*>(values)[i], now);
          connection.overflow = true;
          wanted = visit(connection);
        }
        return wanted;
      });
  if (!done) return std::unexpected(done.error());
  return wanted;
}

}  // namespace

std::string_view state_name(ConnectionState state) {
  switch (state) {
    case ConnectionState::New:
      return "new";
    case ConnectionState::Established:
      return "established";
    case ConnectionState::Closing:
      return "closing";
    case ConnectionState::Closed:
      return "closed";
  }
  return "unknown";
}

Connection decode(const ct4_key& key, const ct_value& value, std::uint64_t now) {
  return decode_entry(key, value, now);
}

Connection decode(const ct6_key& key, const ct_value& value, std::uint64_t now) {
  return decode_entry(key, value, now);
}

Result<void> each_connection(const maps::NodeMaps& maps, std::uint64_t now,
                             const std::function<bool(const Connection&)>& visit) {
  Result<bool> more = each_of(maps::ConnectionTable4::open(maps.conntrack4.fd()), now, visit);
  if (more && *more) more = each_of(maps::ConnectionTable6::open(maps.conntrack6.fd()), now, visit);
  if (more && *more) more = each_in_overflow(maps.conntrack4_overflow, now, visit);
  if (more && *more) more = each_in_overflow(maps.conntrack6_overflow, now, visit);
  if (!more) return std::unexpected(more.error());
  return {};
}

}  // namespace policyc::conntrack
