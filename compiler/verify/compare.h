#pragma once
// What the evaluator says of a flow against what a program decided.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/eval/eval.h"
#include "compiler/eval/ports.h"
#include "compiler/ir/shape.h"
#include "compiler/verify/subjects.h"

namespace policyc::verify {

struct Judgement {
  std::string problem;  // what is wrong with a decision; empty: nothing
  bool stricter =
      false;  // it asks for authentication where the evaluator does not, see docs/verify.md
};

// Judges the decisions of one object for one subject.
class Comparison {
 public:
  // `state`: what the evaluator says of the subject.
  Comparison(const Model& model, const Subject& subject, const ir::Shape& shape,
             const eval::EndpointState& state);

  // `decision`: a POLICYC_DECISION. `peer`: the labels of the flow's peer.
  [[nodiscard]] Judgement judge(const eval::FlowResult& expected, const eval::Flow& flow,
                                const policy::LabelSet& peer, std::uint32_t decision);

  // "allow by CiliumNetworkPolicy/a/b spec.ingress[0] (b.yaml:12)".
  [[nodiscard]] std::string text(const eval::FlowResult& expected) const;
  [[nodiscard]] std::string text(std::size_t direction, std::uint32_t decision) const;

 private:
  [[nodiscard]] std::string origin_text(const policy::Origin& origin) const;
  [[nodiscard]] bool names_right_rule(const eval::FlowResult& expected, const eval::Flow& flow,
                                      const policy::LabelSet& peer, std::uint32_t verdict,
                                      const ir::Rule& rule) const;
  [[nodiscard]] bool is_said_by(const ir::Rule& rule, const eval::Flow& flow,
                                const policy::LabelSet& peer, std::uint32_t verdict) const;
  [[nodiscard]] bool denies_by_same_policies(const std::vector<policy::Origin>& expected,
                                             std::size_t direction);

  const Model& model_;
  const Subject& subject_;
  const ir::Shape& shape_;
  eval::NamedPortTable pods_;
  std::array<bool, 2> enforced_;
  // Of the last default deny found right, to compare names once and not for each atom.
  std::array<std::vector<source::NodeId>, 2> right_default_deny_;
};

}  // namespace policyc::verify
