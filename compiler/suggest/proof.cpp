#include "compiler/suggest/proof.h"

#include <algorithm>
#include <map>

#include "compiler/eval/eval.h"
#include "compiler/manifest/document.h"
#include "compiler/policy/reader.h"

namespace policyc::suggest {
namespace {

using policy::Direction;

class Prover {
 public:
  Prover(const std::string& policies, const std::set<SeenFlow>& flows) : flows_(flows) {
    const auto file = sources_.add_file("suggested policies", policies);
    const auto documents = manifest::read_documents(sources_, file, diagnostics_);
    read_ = policy::read_documents(documents, {}, diagnostics_);
    for (const SeenFlow& flow : flows) {
      add(flow.source);
      add(flow.destination);
    }
    resolved_ = policy::resolve(read_.policies, cluster_, options_, diagnostics_);
  }

  Proof run() {
    Proof proof;
    if (diagnostics_.has_errors()) {
      proof.error = diag::render_text(sources_, diagnostics_);
      return proof;
    }
    eval::Evaluator evaluator(cluster_, resolved_, options_);
    evaluator_ = &evaluator;
    for (const SeenFlow& flow : flows_) {
      if (allows(flow.source, flow.destination, flow.protocol, flow.port)) {
        ++proof.allowed;
      } else {
        proof.denied.push_back(connection(flow.source, flow.destination, flow.protocol, flow.port));
      }
    }
    try_more(proof);
    return proof;
  }

 private:
  using Key = std::pair<std::string, policy::StringMap>;  // namespace and labels
  using Port = std::pair<policy::Protocol, std::uint16_t>;
  static Key key(const Party& pod) { return {pod.namespace_, pod.labels}; }

  // Pods of equal labels are one endpoint.
  void add(const Party& party) {
    if (!party.is_pod()) {
      for (const std::string& name : party.names) {
        auto& addresses = cluster_.dns.edit()[name];
        if (std::find(addresses.begin(), addresses.end(), party.address) == addresses.end())
          addresses.push_back(party.address);
      }
      return;
    }
    const auto [found, is_new] = names_.try_emplace(key(party), "");
    if (!is_new) return;
    policy::Endpoint endpoint;
    endpoint.namespace_ = party.namespace_;
    endpoint.name = "pod-" + std::to_string(cluster_.endpoints.size());
    endpoint.labels = party.labels;
    endpoint.service_account = party.service_account;
    found->second = endpoint.full_name();
    for (const auto& label : party.namespace_labels)
      cluster_.namespaces.edit()[party.namespace_].insert(label);
    cluster_.endpoints.push_back(std::move(endpoint));
    pods_.push_back(party);
  }

  eval::Peer peer(const Party& party) const {
    if (party.is_pod()) return {eval::Peer::Kind::Endpoint, names_.at(key(party)), {}};
    if (party.entity == "world") return {eval::Peer::Kind::Address, "", party.address};
    return {eval::Peer::Kind::Entity, party.entity, {}};
  }

  bool passes(const Party& subject, Direction direction, const Party& other,
              policy::Protocol protocol, std::uint16_t port) const {
    if (!subject.is_pod()) return true;
    eval::Flow flow;
    flow.subject = names_.at(key(subject));
    flow.direction = direction;
    flow.peer = peer(other);
    flow.protocol = protocol;
    flow.port = port;
    const eval::FlowResult result = evaluator_->evaluate(flow);
    return !result.subject_error && result.verdict != eval::Verdict::Deny;
  }

  bool allows(const Party& from, const Party& to, policy::Protocol protocol,
              std::uint16_t port) const {
    return passes(from, Direction::Egress, to, protocol, port) &&
           passes(to, Direction::Ingress, from, protocol, port);
  }

  static std::string connection(const Party& from, const Party& to, policy::Protocol protocol,
                                std::uint16_t port) {
    return from.to_string() + " -> " + to.to_string() + " " +
           std::string(policy::protocol_name(protocol)) + "/" + std::to_string(port);
  }

  void try_more(Proof& proof) const {
    std::set<std::tuple<Key, Key, Port>> seen;
    std::set<Port> ports;
    for (const SeenFlow& flow : flows_) {
      if (flow.source.is_pod() && flow.destination.is_pod())
        seen.emplace(key(flow.source), key(flow.destination), Port(flow.protocol, flow.port));
      if (ports.size() < kMaxPorts) ports.emplace(flow.protocol, flow.port);
    }
    std::uint16_t unseen = 1;
    while (ports.contains({policy::Protocol::Tcp, unseen})) ++unseen;
    ports.emplace(policy::Protocol::Tcp, unseen);
    const std::size_t count = std::min(kMaxPods, pods_.size());
    proof.left_out = pods_.size() - count;
    for (std::size_t a = 0; a < count; ++a) {
      for (std::size_t b = 0; b < count; ++b) {
        for (const Port& port : ports) {
          if (seen.contains({key(pods_[a]), key(pods_[b]), port})) continue;
          ++proof.asked;
          if (allows(pods_[a], pods_[b], port.first, port.second))
            proof.more.push_back(connection(pods_[a], pods_[b], port.first, port.second));
        }
      }
    }
  }

  const std::set<SeenFlow>& flows_;
  policy::Options options_;
  source::SourceMap sources_;
  diag::Engine diagnostics_;
  policy::ReadResult read_;
  policy::Cluster cluster_;
  policy::Resolved resolved_;
  std::vector<Party> pods_;  // one of each endpoint
  std::map<Key, std::string> names_;
  eval::Evaluator* evaluator_ = nullptr;
};

}  // namespace

Proof prove(const std::string& policies, const std::set<SeenFlow>& flows) {
  return Prover(policies, flows).run();
}

}  // namespace policyc::suggest
