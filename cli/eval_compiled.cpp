// The engine that asks compiled programs: each subject's policy becomes an object, the kernel runs it on a packet of the flow.
#include <map>
#include <memory>

#include "cli/eval_engine.h"
#include "compiler/driver/compilation.h"
#include "compiler/ir/builder.h"
#include "compiler/passes/pass.h"
#include "compiler/policy/address_book.h"
#include "loader/bpf/join.h"
#include "loader/testrun/runner.h"

namespace policyc::cli {
namespace {

using testrun::Outcome;

// ICMPv6 router and neighbour discovery: the datapath passes it without asking the policy, so the matrix answers.
bool never_asks_policy(const eval::Flow& flow) {
  return flow.protocol == policy::Protocol::IcmpV6 && flow.port >= 133 && flow.port <= 137;
}

// What of a subject is needed to ask: nothing when its policy cannot be computed.
struct SubjectProgram {
  std::optional<ir::Shape> shape;
};

class CompiledCase {
 public:
  CompiledCase(const scenario::Case& source, const scenario::Prepared& prepared, testrun::Runner& runner)
      : source_(source), prepared_(prepared), runner_(runner), book_(source.cluster, prepared.resolved(), source.options) {}

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
      case eval::Peer::Kind::Entity: return book_.entity_labels(peer.name);
      case eval::Peer::Kind::Address: return book_.address_labels(peer.address);
    }
    return std::nullopt;
  }

  const SubjectProgram& program_of(const policy::Endpoint& endpoint) {
    const auto [found, inserted] = programs_.try_emplace(endpoint.full_name());
    if (!inserted) return found->second;
    const policy::LabelSet labels = book_.endpoint_labels(endpoint);
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
    passes::run(policy, report);
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
    const auto direction = static_cast<std::size_t>(flow.direction);
    const auto protocol = static_cast<std::uint8_t>(flow.protocol);
    const auto answer = never_asks_policy(flow) ? from_matrix(*program.shape, direction, *labels, protocol, flow.port)
                                                : from_kernel(*program.shape, direction, *labels, protocol, flow);
    if (!answer) return std::unexpected(answer.error());
    fill(*program.shape, direction, *answer, result);
    return result;
  }

  static Result<testrun::Answer> from_matrix(const ir::Shape& shape, std::size_t direction, const policy::LabelSet& labels,
                                             std::uint8_t protocol, std::uint16_t port) {
    return testrun::answer_of(shape.decide(direction, labels, protocol, port));
  }

  Result<testrun::Answer> from_kernel(const ir::Shape& shape, std::size_t direction, const policy::LabelSet& labels,
                                      std::uint8_t protocol, const eval::Flow& flow) {
    if (!runner_.has(shape.hash)) {
      auto compiled = driver::compile_shape(shape, prepared_.sources(), bpf::join_objects);
      if (!compiled) return std::unexpected(compiled.error());
      if (auto loaded = runner_.load(shape, compiled->object); !loaded) return std::unexpected(loaded.error());
    }
    const bool ipv6 = flow.peer.kind == eval::Peer::Kind::Address && flow.peer.address.v6;
    return runner_.ask(shape.hash, labels, {direction, protocol, flow.port, ipv6});
  }

  static void fill(const ir::Shape& shape, std::size_t direction, const testrun::Answer& answer, eval::FlowResult& result) {
    switch (answer.outcome) {
      case Outcome::Allow:
      case Outcome::AuthRequired: result.verdict = eval::Verdict::Allow; break;
      case Outcome::Redirect: result.verdict = eval::Verdict::Redirect; break;
      case Outcome::DefaultDeny: result.by_default = true; break;
      case Outcome::Deny: break;
    }
    if (const ir::Rule* rule = shape.find_rule(direction, answer.rule_id)) result.parser = rule->parser;
  }

  const scenario::Case& source_;
  const scenario::Prepared& prepared_;
  testrun::Runner& runner_;
  policy::AddressBook book_;
  std::map<std::string, SubjectProgram> programs_;
};

}  // namespace

Result<scenario::Engine> compiled_engine() {
  auto runner = testrun::Runner::create();
  if (!runner) return std::unexpected(runner.error());
  const std::shared_ptr<testrun::Runner> shared = std::move(*runner);
  return scenario::Engine([shared](const scenario::Case& source, const scenario::Prepared& prepared) {
    return CompiledCase(source, prepared, *shared).run();
  });
}

}  // namespace policyc::cli
