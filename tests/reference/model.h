#pragma once
// What the datapath must do with each packet of one endpoint, as docs/datapath.md says it: a model
// with maps and a clock that stands still until it is told to go on. It never forgets an entry for
// want of room.

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <tuple>

#include "runtime/abi/abi.h"
#include "tests/reference/ip_cache.h"
#include "tests/reference/parse.h"

namespace policyc::reference {

struct Question {
  policyc_direction direction = POLICYC_INGRESS;
  int family = 0;
  std::uint8_t protocol = 0;
  std::uint16_t port = 0;  // destination port, ICMP type, or 0
  std::uint32_t peer_class = 0;
};
// As the generated functions: POLICYC_DECISION(verdict, rule); what is no verdict drops.
using Policy = std::function<int(const Question&)>;

// A connection as the endpoint sees it, whoever began.
struct Tuple {
  std::uint8_t protocol = 0;
  Address local;
  Address remote;
  std::uint16_t local_port = 0;  // echo: the identifier
  std::uint16_t remote_port = 0;
  std::optional<policyc_direction> echo;  // ICMP echo: which way the request went
  auto operator<=>(const Tuple&) const = default;
};

struct Connection {
  policyc_direction began = POLICYC_INGRESS;  // direction of the first packet
  int decision = 0;
  std::uint32_t epoch = 0;
  bool reply_seen = false;
  bool closed_by_beginner = false;
  bool closed_by_other = false;
  std::uint64_t expires = 0;  // seconds, by Model::now()
};

struct Endpoint {
  Address ipv4;  // family 0: it has none
  Address ipv6;
  bool audit = false;  // policy denials are let through
};

struct Node {
  std::uint32_t epoch = 1;
  bool extended_protocols = false;
  bool prefixes4 = false;
  bool prefixes6 = false;
  std::uint32_t world4_class = 0;
  std::uint32_t world6_class = 0;
};

// Where the datapath is known to differ; without them the model says what it should do.
struct Tolerance {
  // An ICMP error's quote is read beyond the end of the IP packet, from the frame's padding.
  bool quote_in_padding = false;
  // An endpoint may send an error about a connection to others than the connection's peer.
  bool error_to_anyone = false;
  // Of an IPv6 fragment's extension headers those behind the fragment header are read. Then the
  // transport header is not at the beginning, and later fragments may write over it.
  bool extensions_in_fragments = false;
  // Audit mode lets errors pass whose connection something other than the policy's denial stopped.
  bool audit_forgives_all_errors = false;
};

struct Answer {
  policyc_drop_reason reason = DROP_NONE;  // DROP_NONE: passes
  Parsed packet;                           // later fragments have their first one's ports
};

class Model {
 public:
  Endpoint endpoint;
  Node node;
  IpCache ip_cache;
  Policy policy;
  Tolerance tolerate;

  // POLICYC_EGRESS is what the endpoint sends.
  Answer receive(Bytes frame, policyc_direction direction, bool gso = false);

  void advance(std::uint64_t seconds) { now_ += seconds; }
  [[nodiscard]] std::uint64_t now() const { return now_; }

  // Expired ones too: they lie in the table until somebody takes their place.
  [[nodiscard]] const std::map<Tuple, Connection>& connections() const { return connections_; }
  [[nodiscard]] std::size_t living() const;
  // The connection that a packet of this tuple would meet.
  [[nodiscard]] const Connection* find(const Tuple& tuple) const;

 private:
  using Datagram =
      std::tuple<Address, Address, std::uint8_t, std::uint32_t>;  // RFC 791: who, what, which
  struct Ports {
    std::uint16_t source = 0;
    std::uint16_t destination = 0;
  };

  Connection* find_living(const Tuple& tuple);
  policyc_drop_reason decide(Parsed& packet, policyc_direction direction);
  policyc_drop_reason join_fragments(Parsed& packet);
  policyc_drop_reason unknown(const Parsed& packet, policyc_direction direction);
  policyc_drop_reason known(Connection& connection, const Parsed& packet,
                            policyc_direction direction);
  void note(Connection& connection, const Parsed& packet, bool by_beginner) const;
  [[nodiscard]] bool may_send_from(const Parsed& packet) const;
  [[nodiscard]] bool about_a_connection(const Parsed& error, policyc_direction direction);
  [[nodiscard]] bool lets_pass(int decision) const;
  [[nodiscard]] int ask(const Parsed& packet, policyc_direction direction) const;

  std::uint64_t now_ = 1'000'000;
  std::map<Tuple, Connection> connections_;
  std::map<Datagram, Ports> fragments_;
};

[[nodiscard]] Tuple tuple_of(const Parsed& packet, policyc_direction direction);
// Whether only policies in audit mode ask for this denial.
[[nodiscard]] bool audits(int decision);
// Why a decision of the policy drops, or would if it were not audited; DROP_NONE if it does not.
[[nodiscard]] policyc_drop_reason refusal(int decision);

}  // namespace policyc::reference
