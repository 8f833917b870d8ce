#pragma once
// From the IR of one endpoint, after the passes, to its shape: what one run and a session have in
// common.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/ir/builder.h"
#include "compiler/ir/ir.h"
#include "compiler/ir/shape.h"
#include "compiler/policy/labels.h"

namespace policyc::driver {

// The subject of a shape that endpoints share: their names are not part of it.
inline constexpr std::string_view kSharedSubject = "endpoints with this policy";

// Everything about an endpoint that its policy can depend on: equal keys, equal shapes.
[[nodiscard]] std::string subject_key(const ir::Subject& subject);

struct PeerRows {
  // The peers that exist, each once; none when they are fewer than `max`. Asked only where it
  // matters.
  std::function<const std::vector<policy::LabelSet>&()> peers;
  std::size_t max = ir::kMaxRows;  // that fit into a table
};

// Whether a table for that direction might have to number more rows than `max`.
[[nodiscard]] bool may_exceed(const ir::DirectionShape& direction, std::size_t max);

// Takes the form that has room for the peers that exist; PC-warns, in the name of `user`, when none
// has.
[[nodiscard]] ir::Shape fitting_shape(ir::EndpointPolicy& policy, const PeerRows& rows,
                                      const std::string& user, diag::Engine& diagnostics);
// Whether programs can be made of it.
[[nodiscard]] bool emittable(const ir::Shape& shape);
// An error, once in the life of `diagnostics`: one large policy may select any number of subjects.
void report_large(const std::string& user, diag::Engine& diagnostics);

}  // namespace policyc::driver
