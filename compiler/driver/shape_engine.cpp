#include "compiler/driver/shape_engine.h"

#include <map>
#include <optional>
#include <string>

#include "compiler/eval/eval.h"
#include "compiler/ir/builder.h"
#include "compiler/passes/pass.h"
#include "compiler/policy/address_book.h"
#include "runtime/abi/abi.h"

namespace policyc::driver {
namespace {

// What of a subject is needed to ask: nothing when its policy cannot be computed.
struct SubjectProgram {
  std::optional<ir::Shape> shape;
};

class ShapeCase {
 public:
  ShapeCase(const scenario::Case& source, const scenario::Prepared& prepared,
            const ShapeOracle& oracle)
      : source_(source),
        prepared_(prepared),
        oracle_(oracle),
        book_(source.cluster, prepared.resolved(), source.options) {}

  Result<std::vector<eval::FlowResult>> run() {
    std::vector<eval::FlowResult> results;
    for (const scenario::FlowCase& item : source_.flows) {
      auto result = ask(item.flow);
      if (!result) return std::unexpected(result.error());
      results.push_back(std::move(*result));
    }
    return results;
  }

 private:
  const policy::Endpoint* find_endpoint(const std::string& full_name) const {
    for (const policy::Endpoint& endpoint : source_.cluster.endpoints) {
      if (endpoint.full_name() == full_name) return &endpoint;
    }
    return nullptr;
  }

  // The labels of the flow's peer; nothing when it names an endpoint that does not exist.
  std::optional<policy::LabelSet> peer_labels(const eval::Peer& peer) const {
    switch (peer.kind) {
      case eval::Peer::Kind::Endpoint: {
        const policy::Endpoint* endpoint = find_endpoint(peer.name);
        if (endpoint == nullptr) return std::nullopt;
        return book_.endpoint_labels(*endpoint);
      }
      case eval::Peer::Kind::Entity:
        return book_.entity_labels(peer.name);
      case eval::Peer::Kind::Address:
        return book_.address_labels(peer.address);
    }
    return std::nullopt;
  }

  const SubjectProgram& program_of(const policy::Endpoint& endpoint) {
    const auto [found, inserted] = programs_.try_emplace(endpoint.full_name());
    if (!inserted) return found->second;
    const policy::LabelSet labels = book_.subject_labels(endpoint);
    const ir::BuildInput input{prepared_.resolved(), source_.cluster, true, prepared_.sources()};
    ir::Subject subject;
    subject.name = endpoint.full_name();
    subject.labels = &labels;
    subject.namespace_ = endpoint.namespace_;
    subject.kind = endpoint.kind;
    subject.ports = &endpoint.ports;
    diag::Engine diagnostics;
    ir::EndpointPolicy policy = ir::build(input, subject, {source_.options, false}, diagnostics);
    if (diagnostics.has_errors()) return found->second;
    passes::Report report;
    if (passes::run(policy, report) != passes::Outcome::Done) return found->second;
    policy.subject.clear();
    found->second.shape = ir::make_shape(policy);
    return found->second;
  }

  Result<eval::FlowResult> ask(const eval::Flow& flow) {
    eval::FlowResult result;
    const policy::Endpoint* endpoint = find_endpoint(flow.subject);
    const auto labels = peer_labels(flow.peer);
    if (endpoint == nullptr || !labels) {
      result.subject_error = true;
      return result;
    }
    const SubjectProgram& program = program_of(*endpoint);
    if (!program.shape) {
      result.subject_error = true;
      return result;
    }
    ShapeQuestion question;
    question.direction = static_cast<std::size_t>(flow.direction);
    question.peer = &*labels;
    question.protocol = static_cast<std::uint8_t>(flow.protocol);
    question.port = flow.port;
    question.ipv6 = flow.peer.kind == eval::Peer::Kind::Address && flow.peer.address.v6;
    const auto decision = oracle_(*program.shape, prepared_.sources(), question);
    if (!decision) return fail(scenario::describe(flow) + ": " + decision.error().message);
    fill(*program.shape, question.direction, *decision, result);
    if (result.verdict == eval::Verdict::Redirect) result.l7_allowed = judge_request(flow);
    return result;
  }

  // A program hands a redirected request to the L7 engine; until that exists the evaluator stands
  // in for it, with the matchers that it will use (compiler/policy/l7).
  std::optional<bool> judge_request(const eval::Flow& flow) {
    if (!flow.http && !flow.dns_query && !flow.server_name) return std::nullopt;
    if (!evaluator_) evaluator_.emplace(source_.cluster, prepared_.resolved(), source_.options);
    return evaluator_->evaluate(flow).l7_allowed;
  }

  static void fill(const ir::Shape& shape, std::size_t direction, std::uint32_t decision,
                   eval::FlowResult& result) {
    result.audited = (decision & POLICYC_DECISION_AUDITED) != 0;
    switch (POLICYC_DECISION_VERDICT(decision)) {
      case POLICY_ALLOW:
      case POLICY_AUTH_REQUIRED:
        result.verdict = eval::Verdict::Allow;
        break;
      case POLICY_REDIRECT:
        result.verdict = eval::Verdict::Redirect;
        break;
      case POLICY_DEFAULT_DENY:
        result.by_default = true;
        break;
      default:
        break;
    }
    if (result.audited) result.verdict = eval::Verdict::Allow;
    if (const ir::Rule* rule = shape.find_rule(direction, POLICYC_DECISION_RULE(decision)))
      result.parser = rule->parser;
  }

  const scenario::Case& source_;
  const scenario::Prepared& prepared_;
  const ShapeOracle& oracle_;
  policy::AddressBook book_;
  std::map<std::string, SubjectProgram> programs_;
  std::optional<eval::Evaluator> evaluator_;
};

}  // namespace

scenario::Engine shape_engine(ShapeOracle oracle) {
  return [oracle = std::move(oracle)](const scenario::Case& source,
                                      const scenario::Prepared& prepared) {
    return ShapeCase(source, prepared, oracle).run();
  };
}

scenario::Engine matrix_engine() {
  return shape_engine([](const ir::Shape& shape, const source::SourceMap&,
                         const ShapeQuestion& question) -> Result<std::uint32_t> {
    return shape.decide(question.direction, *question.peer, question.protocol, question.port);
  });
}

}  // namespace policyc::driver
