#pragma once
// The policy of an endpoint as it is compiled, and its rules as they were before passes joined them
// or took any out.

#include <memory>
#include <string>
#include <unordered_map>

#include "compiler/explain/world.h"
#include "compiler/ir/builder.h"
#include "compiler/ir/shape.h"

namespace policyc::explain {

struct SubjectPolicy {
  // Why the policy cannot be computed, with the place; nothing passes then.
  std::string problem;
  // Of Stage::Ranked, by the required passes alone: every rule that is written, strongest first.
  ir::EndpointPolicy written;
  // What the kernel is given; a rule of it has the id and origin of one that is written.
  ir::Shape shape;
};

class Subjects {
 public:
  Subjects(const Model& model, const World& world) : model_(model), world_(world) {}

  // Computed once for endpoints that no policy can tell apart; `endpoint` indexes the world's
  // cluster.
  [[nodiscard]] const SubjectPolicy& of(std::size_t endpoint);

 private:
  [[nodiscard]] SubjectPolicy compute(const policy::Endpoint& endpoint) const;

  const Model& model_;
  const World& world_;
  std::unordered_map<std::size_t, const SubjectPolicy*> by_endpoint_;
  std::unordered_map<std::string, std::unique_ptr<SubjectPolicy>> by_key_;
};

// The policies of one subject through the IR and all passes. What keeps it from being computed is
// in `problem`.
[[nodiscard]] SubjectPolicy subject_policy(const Model& model, const ir::BuildInput& input,
                                           const ir::Subject& subject);

// An endpoint as the IR's builder knows it; both must outlive it.
[[nodiscard]] ir::Subject subject_of(const policy::Endpoint& endpoint,
                                     const policy::LabelSet& subject_labels);

}  // namespace policyc::explain
