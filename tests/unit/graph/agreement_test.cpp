// Every edge of the graph is what the reference evaluator says of it: random policies, every pair
// of endpoints, entities and known addresses, ports on both sides of where rules begin and end.
#include <gtest/gtest.h>

#include "compiler/eval/eval.h"
#include "tests/fuzz/generate.h"
#include "tests/fuzz/vocabulary.h"
#include "tests/unit/graph/built.h"

namespace policyc::graph::testing {
namespace {

using policy::Direction;
using policy::Protocol;

struct Port {
  Protocol protocol;
  std::uint16_t number;
};

std::vector<Port> sample_ports() {
  std::vector<Port> ports;
  for (const Protocol protocol : {Protocol::Tcp, Protocol::Udp, Protocol::Sctp}) {
    for (const int number : {1, 53, 79, 80, 81, 443, 444, 8080, 65535})
      ports.push_back({protocol, static_cast<std::uint16_t>(number)});
  }
  ports.push_back({Protocol::Icmp, 8});
  ports.push_back({Protocol::IcmpV6, 128});
  ports.push_back({Protocol::Vrrp, 0});
  return ports;
}

// Which of several rules asks for authentication is settled later than the verdict (spec
// section 6.6): programs are on the safe side of the evaluator there (docs/verify.md), so they may
// ask where it does not, and asks_authentication() is compared one way.
PortFlags without_authentication(PortFlags flags) {
  return static_cast<PortFlags>(flags & ~kAuthenticated);
}

// An end passes the connection only when the peers have authenticated. What goes to a proxy is left
// out: a redirect knows of authentication only when one rule asks for both.
bool asks_authentication(const eval::FlowResult& result) {
  return result.verdict == eval::Verdict::Allow && !result.auth.empty() &&
         result.auth != "disabled";
}

// What the two ends together say.
PortFlags expected(const eval::FlowResult& egress, const eval::FlowResult& ingress) {
  unsigned flags = kAllowed;
  for (const eval::FlowResult* result : {&egress, &ingress}) {
    if (result->verdict == eval::Verdict::Deny) return 0;
    if (result->verdict == eval::Verdict::Redirect) flags |= parser_flag(result->parser);
    if (result->audited) flags |= kAudited;
  }
  return static_cast<PortFlags>(flags);
}

class Checker {
 public:
  explicit Checker(const Built& built)
      : built_(built), evaluator_(built.cluster(), built.resolved(), built.source().options) {}

  // How often an end asked for authentication.
  [[nodiscard]] std::size_t authenticated() const { return authenticated_; }

  std::size_t run() {
    const Graph& graph = built_.graph();
    for (const policy::Endpoint& a : built_.cluster().endpoints) {
      for (const policy::Endpoint& b : built_.cluster().endpoints) check(endpoint(a), endpoint(b));
      for (UnitId unit = graph.first_node; unit < graph.units.size(); ++unit) {
        for (const std::string& member : graph.units[unit].members) {
          if (const auto peer = outside(member)) {
            check(endpoint(a), {*peer, unit});
            check({*peer, unit}, endpoint(a));
          }
        }
      }
    }
    return checked_;
  }

 private:
  struct Side {
    eval::Peer peer;
    UnitId unit;
  };

  Side endpoint(const policy::Endpoint& of) const {
    return {{eval::Peer::Kind::Endpoint, of.full_name(), {}}, built_.unit(of.full_name())};
  }

  // What the evaluator knows by that name; names without an address are not asked.
  static std::optional<eval::Peer> outside(const std::string& member) {
    if (const auto prefix = parse_ip_prefix(member)) return std::nullopt;
    static const std::set<std::string> kEntities = {"host", "remote-node", "kube-apiserver",
                                                    "health", "ingress"};
    if (kEntities.contains(member)) return eval::Peer{eval::Peer::Kind::Entity, member, {}};
    return std::nullopt;
  }

 public:
  // Addresses are in the unit whose prefix is the longest that holds them.
  void addresses() {
    for (const std::string& text : fuzz::kAddresses) {
      const IpAddress address = *parse_ip_address(text);
      const auto unit = unit_of(address);
      if (!unit) continue;
      const Side outside{{eval::Peer::Kind::Address, "", address}, *unit};
      for (const policy::Endpoint& a : built_.cluster().endpoints) {
        check(endpoint(a), outside);
        check(outside, endpoint(a));
      }
    }
  }

 private:
  std::optional<UnitId> unit_of(const IpAddress& address) const {
    const Graph& graph = built_.graph();
    std::optional<UnitId> best;
    int length = -1;
    const auto& options = built_.source().options;
    if (address.v6 && !options.ipv6) return std::nullopt;
    for (UnitId unit = graph.first_node; unit < graph.units.size(); ++unit) {
      for (const std::string& member : graph.units[unit].members) {
        const auto prefix = parse_ip_prefix(member);
        if (prefix && prefix->contains(address) && prefix->length > length) {
          best = unit;
          length = prefix->length;
        }
        const bool world =
            member == "world" || member == (address.v6 ? "world-ipv6" : "world-ipv4");
        if (world && length < 0) best = unit;
      }
    }
    for (const policy::ClusterNode& node : built_.cluster().nodes) {
      // The host's addresses are one identity: the unit `host`.
      for (const IpAddress& own : node.addresses) {
        if (own == address && node.role == policy::NodeRole::Host) return built_.unit("host");
      }
    }
    for (const policy::Endpoint& one : built_.cluster().endpoints) {
      for (const IpAddress& own : one.addresses) {
        if (own == address) return std::nullopt;
      }
    }
    return best;
  }

  eval::FlowResult ask(const Side& subject, Direction direction, const Side& peer,
                       const Port& port) {
    if (subject.peer.kind != eval::Peer::Kind::Endpoint) {
      eval::FlowResult open;
      open.verdict = eval::Verdict::Allow;
      return open;
    }
    eval::Flow flow;
    flow.subject = subject.peer.name;
    flow.direction = direction;
    flow.peer = peer.peer;
    flow.protocol = port.protocol;
    flow.port = port.number;
    return evaluator_.evaluate(flow);
  }

  void check(const Side& from, const Side& to) {
    static const std::vector<Port> kPorts = sample_ports();
    const Graph& graph = built_.graph();
    const PortSet& edge = graph.ports[graph.connection(from.unit, to.unit)];
    for (const Port& port : kPorts) {
      const auto egress = ask(from, Direction::Egress, to, port);
      const auto ingress = ask(to, Direction::Ingress, from, port);
      ++checked_;
      if (::testing::Test::HasFailure()) return;
      const PortFlags flags = edge.flags_of(static_cast<std::uint8_t>(port.protocol), port.number);
      const PortFlags wanted = expected(egress, ingress);
      if (wanted != 0 && (asks_authentication(egress) || asks_authentication(ingress))) {
        ++authenticated_;
        EXPECT_NE(flags & kAuthenticated, 0) << graph.units[from.unit].name;
      }
      EXPECT_EQ(without_authentication(flags), wanted)
          << graph.units[from.unit].name << " -> " << graph.units[to.unit].name << " "
          << policy::protocol_name(port.protocol) << "/" << port.number << ": " << edge.to_string();
    }
  }

  const Built& built_;
  eval::Evaluator evaluator_;
  std::size_t checked_ = 0;
  std::size_t authenticated_ = 0;
};

TEST(GraphAgreement, EveryEdgeIsWhatTheEvaluatorSays) {
  std::size_t checked = 0;
  std::size_t authenticated = 0;
  for (std::uint64_t seed = 1; seed <= 150 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Built built(fuzz::generate(seed, {.policies = 6, .flows = 0}));
    Checker checker(built);
    checker.addresses();
    checked += checker.run();
    authenticated += checker.authenticated();
  }
  EXPECT_GT(authenticated, 100U);
  EXPECT_GT(checked, 100'000U);
}

}  // namespace
}  // namespace policyc::graph::testing
