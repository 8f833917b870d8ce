#include "tests/reference/model.h"

#include <algorithm>

#include <netinet/in.h>

namespace policyc::reference {
namespace {

constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kAck = 0x10;

policyc_direction opposite(policyc_direction direction) {
  return direction == POLICYC_EGRESS ? POLICYC_INGRESS : POLICYC_EGRESS;
}

bool is_echo(const Parsed& packet) {
  return packet.kind == Kind::EchoRequest || packet.kind == Kind::EchoReply;
}

bool is_icmp(const Parsed& packet) {
  return packet.protocol == IPPROTO_ICMP || packet.protocol == IPPROTO_ICMPV6;
}

bool is_fragmentation_needed(const Parsed& error) {
  return error.source.family == 4 && error.icmp_type == 3 && error.icmp_code == 4;
}

// Router advertisement, redirect.
bool speaks_for_a_router(const Parsed& discovery) {
  return discovery.icmp_type == 134 || discovery.icmp_type == 137;
}

bool begins_anew(const Connection& connection, const Parsed& packet) {
  return packet.protocol == IPPROTO_TCP &&
         (connection.closed_by_beginner || connection.closed_by_other) &&
         (packet.tcp_flags & (kSyn | kAck | kRst)) == kSyn;
}

bool is_closed(const Connection& connection) {
  return connection.closed_by_beginner && connection.closed_by_other;
}

// Seconds, by the table of states.
std::uint64_t lifetime(std::uint8_t protocol, const Connection& connection) {
  if (protocol != IPPROTO_TCP) return 60;
  if (is_closed(connection)) return 10;
  return connection.reply_seen ? 8000 : 60;
}

// Echo replies open nothing, a reset has nothing to come, other ICMP is asked about every time.
bool opens_connection(const Parsed& packet) {
  switch (packet.kind) {
    case Kind::Ports:
      return (packet.tcp_flags & kRst) == 0;
    case Kind::EchoRequest:
    case Kind::OtherProtocol:
      return true;
    default:
      return false;
  }
}

}  // namespace

Tuple tuple_of(const Parsed& packet, policyc_direction direction) {
  const bool sent = direction == POLICYC_EGRESS;
  Tuple tuple{.protocol = packet.protocol,
              .local = sent ? packet.source : packet.destination,
              .remote = sent ? packet.destination : packet.source,
              .echo = {}};
  if (is_echo(packet)) {
    tuple.local_port = packet.echo_id;
    tuple.echo = packet.kind == Kind::EchoRequest ? direction : opposite(direction);
  } else {
    tuple.local_port = sent ? packet.source_port : packet.destination_port;
    tuple.remote_port = sent ? packet.destination_port : packet.source_port;
  }
  return tuple;
}

bool audits(int decision) {
  return (static_cast<std::uint32_t>(decision) & POLICYC_DECISION_AUDITED) != 0;
}

policyc_drop_reason refusal(int decision) {
  if (decision < 0) return DROP_MISSING_STATE;
  const std::uint32_t verdict = POLICYC_DECISION_VERDICT(decision);
  if (audits(decision) && verdict != POLICY_DENY && verdict != POLICY_DEFAULT_DENY)
    return DROP_MISSING_STATE;
  switch (verdict) {
    case POLICY_ALLOW:
      return DROP_NONE;
    case POLICY_DEFAULT_DENY:
      return DROP_POLICY_DEFAULT_DENY;
    case POLICY_DENY:
      return DROP_POLICY_DENY;
    case POLICY_REDIRECT:
      return DROP_L7_PROXY_UNAVAILABLE;
    case POLICY_AUTH_REQUIRED:
      return DROP_AUTH_REQUIRED;
    default:
      return DROP_MISSING_STATE;
  }
}

Answer Model::receive(Bytes frame, policyc_direction direction, bool gso) {
  Answer answer;
  answer.packet =
      parse(frame, {.gso = gso, .extensions_in_fragments = tolerate.extensions_in_fragments});
  answer.reason = answer.packet.refused;
  if (answer.reason == DROP_NONE) answer.reason = decide(answer.packet, direction);
  return answer;
}

std::size_t Model::living() const {
  return static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(),
                    [this](const auto& entry) { return entry.second.expires > now_; }));
}

const Connection* Model::find(const Tuple& tuple) const {
  const auto entry = connections_.find(tuple);
  return entry != connections_.end() && entry->second.expires > now_ ? &entry->second : nullptr;
}

Connection* Model::find_living(const Tuple& tuple) { return const_cast<Connection*>(find(tuple)); }

bool Model::may_send_from(const Parsed& packet) const {
  if (packet.kind == Kind::Arp) return true;
  if (packet.kind == Kind::NeighbourDiscovery &&
      (packet.source.is_link_local() || packet.source.is_unspecified()))
    return true;
  return packet.source == endpoint.ipv4 || packet.source == endpoint.ipv6;
}

policyc_drop_reason Model::decide(Parsed& packet, policyc_direction direction) {
  if (direction == POLICYC_EGRESS && !may_send_from(packet)) return DROP_INVALID_SOURCE_ADDRESS;
  switch (packet.kind) {
    case Kind::Arp:
      return DROP_NONE;
    case Kind::NeighbourDiscovery:
      if (direction == POLICYC_INGRESS || !speaks_for_a_router(packet)) return DROP_NONE;
      return unknown(packet, direction);
    case Kind::IcmpError:
      if (is_fragmentation_needed(packet) || about_a_connection(packet, direction))
        return DROP_NONE;
      return unknown(packet, direction);
    case Kind::OtherIcmp:
      return unknown(packet, direction);
    case Kind::OtherProtocol:
      if (!node.extended_protocols) return DROP_UNKNOWN_PROTOCOL;
      break;
    case Kind::Ports:
      if (const policyc_drop_reason reason = join_fragments(packet)) return reason;
      break;
    case Kind::EchoRequest:
    case Kind::EchoReply:
      break;
  }
  Connection* connection = find_living(tuple_of(packet, direction));
  if (connection == nullptr || begins_anew(*connection, packet)) return unknown(packet, direction);
  return known(*connection, packet, direction);
}

policyc_drop_reason Model::join_fragments(Parsed& packet) {
  if (packet.part == Part::Whole) return DROP_NONE;
  const Datagram datagram{packet.source, packet.destination, packet.protocol, packet.fragment_id};
  if (packet.part == Part::FirstFragment) {
    fragments_[datagram] = {.source = packet.source_port, .destination = packet.destination_port};
    return DROP_NONE;
  }
  const auto first = fragments_.find(datagram);
  if (first == fragments_.end()) return DROP_FRAGMENT_WITHOUT_FIRST;
  packet.source_port = first->second.source;
  packet.destination_port = first->second.destination;
  return DROP_NONE;
}

// An error goes to who sent the packet that it is about (RFC 792; RFC 4443, section 2.2), and an
// endpoint reports only about what was sent to it.
bool Model::about_a_connection(const Parsed& error, policyc_direction direction) {
  const bool sent = direction == POLICYC_EGRESS;
  const std::optional<Parsed> quoted =
      parse_quote(tolerate.quote_in_padding ? error.trailer : error.quote, error.source.family,
                  tolerate.extensions_in_fragments);
  if (!quoted || quoted->part == Part::LaterFragment) return false;
  if (quoted->kind != Kind::Ports && !is_echo(*quoted)) return false;
  if (quoted->source != error.destination && !(sent && tolerate.error_to_anyone)) return false;
  if (sent && quoted->destination != error.source) return false;
  const Connection* connection = find(tuple_of(*quoted, opposite(direction)));
  if (connection == nullptr) return false;
  return lets_pass(connection->decision) || (endpoint.audit && tolerate.audit_forgives_all_errors);
}

bool Model::lets_pass(int decision) const {
  const policyc_drop_reason reason = refusal(decision);
  if (reason == DROP_NONE) return true;
  return (endpoint.audit || audits(decision)) &&
         (reason == DROP_POLICY_DEFAULT_DENY || reason == DROP_POLICY_DENY);
}

int Model::ask(const Parsed& packet, policyc_direction direction) const {
  const Address& peer = direction == POLICYC_EGRESS ? packet.destination : packet.source;
  const bool v4 = peer.family == 4;
  return policy(
      {.direction = direction,
       .family = peer.family,
       .protocol = packet.protocol,
       .port = is_icmp(packet) ? std::uint16_t{packet.icmp_type} : packet.destination_port,
       .peer_class = ip_cache.class_of(peer, v4 ? node.prefixes4 : node.prefixes6,
                                       v4 ? node.world4_class : node.world6_class)});
}

policyc_drop_reason Model::unknown(const Parsed& packet, policyc_direction direction) {
  const int decision = ask(packet, direction);
  if (!lets_pass(decision)) return refusal(decision);
  if (opens_connection(packet)) {
    Connection connection{.began = direction, .decision = decision, .epoch = node.epoch};
    note(connection, packet, true);
    connections_[tuple_of(packet, direction)] = connection;
  }
  return DROP_NONE;
}

policyc_drop_reason Model::known(Connection& connection, const Parsed& packet,
                                 policyc_direction direction) {
  const bool by_beginner = connection.began == direction;
  // A denial is asked about again each time, so that it ends as soon as it may.
  if (by_beginner &&
      (connection.epoch != node.epoch || refusal(connection.decision) != DROP_NONE)) {
    connection.decision = ask(packet, direction);
    connection.epoch = node.epoch;
  }
  if (!lets_pass(connection.decision)) return refusal(connection.decision);
  note(connection, packet, by_beginner);
  return DROP_NONE;
}

void Model::note(Connection& connection, const Parsed& packet, bool by_beginner) const {
  const bool was_closed = is_closed(connection);
  if (!by_beginner) connection.reply_seen = true;
  if ((packet.tcp_flags & kRst) != 0) {
    connection.closed_by_beginner = connection.closed_by_other = true;
  } else if ((packet.tcp_flags & kFin) != 0) {
    (by_beginner ? connection.closed_by_beginner : connection.closed_by_other) = true;
  }
  if (!was_closed) connection.expires = now_ + lifetime(packet.protocol, connection);
}

}  // namespace policyc::reference
