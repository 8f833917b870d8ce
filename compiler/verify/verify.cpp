#include "compiler/verify/verify.h"

#include <set>

#include "compiler/verify/compare.h"
#include "compiler/verify/peers.h"
#include "compiler/verify/ports.h"

namespace policyc::verify {
namespace {

using policy::Direction;
using policy::Protocol;

std::string peer_text(const PeerWitness& witness) {
  std::string labels = witness.labels.to_string();
  if (witness.planned.peer.kind != eval::Peer::Kind::Address) return labels;
  return witness.planned.peer.address.to_string() + " (" + labels + ")";
}

class Verification {
 public:
  Verification(const Model& model, const Subject& subject, const ir::Shape& shape,
               const Program& program, const Limits& limits)
      : model_(model),
        subject_(subject),
        shape_(shape),
        program_(program),
        limits_(limits),
        peers_(enumerate_peers(model, subject, shape, limits.max_peers)),
        comparison_(
            model, subject, shape,
            peers_.worlds.front()->evaluator().endpoint_state(subject.endpoint.full_name())) {}

  Result<Report> run() {
    report_.subject = subject_.name;
    report_.left_out = peers_.left_out;
    for (const Direction direction : {Direction::Ingress, Direction::Egress}) {
      if (auto done = verify(direction); !done) return std::unexpected(done.error());
    }
    return std::move(report_);
  }

 private:
  // What the engines can know of a peer: the evaluator its entries' selectors and whether it is the
  // local host, the program its predicates, which are unions of selectors.
  static std::vector<bool> known_of(const PeerWitness& witness,
                                    const std::vector<const policy::Selector*>& selectors) {
    std::vector<bool> out{witness.planned.ipv4, witness.planned.ipv6,
                          witness.labels.has("reserved", "host")};
    for (const policy::Selector* selector : selectors)
      out.push_back(selector->matches(witness.labels));
    return out;
  }

  std::vector<const PeerWitness*> distinct_peers(Direction direction) const {
    const auto selectors = peer_selectors(subject_, shape_, direction);
    std::vector<const PeerWitness*> out;
    std::set<std::vector<bool>> seen;
    for (const PeerWitness& witness : peers_.witnesses) {
      // The first world has the policies of everybody, and the evaluator's own choice of them.
      if (seen.insert(known_of(witness, selectors)).second) out.push_back(&witness);
    }
    return out;
  }

  Result<void> verify(Direction direction) {
    const auto index = static_cast<std::size_t>(direction);
    const auto ports = port_atoms(subject_, direction, model_.cluster, shape_.directions[index]);
    const auto peers = distinct_peers(direction);
    report_.peers[index] = peers.size();
    report_.ports[index] = ports.size();
    for (const PeerWitness* witness : peers) {
      if (auto done = verify(direction, *witness, ports); !done) return done;
    }
    return {};
  }

  Result<void> verify(Direction direction, const PeerWitness& witness,
                      const std::vector<PortAtom>& ports) {
    std::vector<Question> questions;
    for (const PortAtom& atom : ports) {
      for (const bool v6 : {false, true}) {
        if (!(v6 ? witness.planned.ipv6 : witness.planned.ipv4)) continue;
        const auto other_icmp = static_cast<std::uint8_t>(v6 ? Protocol::Icmp : Protocol::IcmpV6);
        if (atom.protocol == other_icmp) continue;
        questions.push_back({static_cast<std::size_t>(direction), atom.protocol, atom.port, v6});
      }
    }
    const auto answers = program_(witness.labels, questions);
    if (!answers) return std::unexpected(answers.error());
    eval::Flow flow{
        subject_.endpoint.full_name(), direction, witness.planned.peer, {}, 0, {}, {}, {}};
    eval::FlowResult expected;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const Question& question = questions[i];
      const auto protocol = static_cast<Protocol>(question.protocol);
      if (i == 0 || protocol != flow.protocol || question.port != flow.port) {
        flow.protocol = protocol;
        flow.port = question.port;
        expected = peers_.worlds[witness.world]->evaluator().evaluate(flow);
      }
      judge(expected, flow, witness, question, (*answers)[i]);
    }
    report_.atoms += questions.size();
    return {};
  }

  void judge(const eval::FlowResult& expected, const eval::Flow& flow, const PeerWitness& witness,
             const Question& question, const Result<std::uint32_t>& answer) {
    Judgement judgement{"no decision"};
    if (answer) judgement = comparison_.judge(expected, flow, witness.labels, *answer);
    if (judgement.stricter) ++report_.stricter;
    if (judgement.problem.empty()) return;
    ++report_.found;
    if (report_.findings.size() >= limits_.max_findings) return;
    report_.findings.push_back(
        {question, peer_text(witness), judgement.problem, comparison_.text(expected),
         answer ? comparison_.text(question.direction, *answer) : answer.error().message});
  }

  const Model& model_;
  const Subject& subject_;
  const ir::Shape& shape_;
  const Program& program_;
  const Limits& limits_;
  Peers peers_;
  Comparison comparison_;
  Report report_;
};

}  // namespace

Result<Report> verify(const Model& model, const Subject& subject, const ir::Shape& shape,
                      const Program& program, const Limits& limits) {
  return Verification(model, subject, shape, program, limits).run();
}

}  // namespace policyc::verify
