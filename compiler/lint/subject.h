#pragma once
// One subject at a time: the policy of every endpoint that one policy's selector matches, compiled
// as `policyc compile` does without an inventory, with no rule taken out. What is true of it is
// true of each of those endpoints, whatever pods exist and whatever other policies select some of
// them.

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/ir.h"
#include "compiler/lint/model.h"

namespace policyc::lint {

inline constexpr std::size_t kNoEntry = static_cast<std::size_t>(-1);

// A rule that can be taken away: every verdict stays.
struct Redundant {
  enum class Kind : std::uint8_t {
    Duplicate,  // another rule says the same
    Shadowed,   // others decide alike wherever it matches
    Denied,     // it allows, and deny rules decide wherever it matches
  };
  std::size_t entry = 0;
  Kind kind = Kind::Shadowed;
  std::vector<std::size_t> by;  // entries; never empty
};

// An L7 rule that restricts nothing, because plain allows let the same peers reach the same ports.
struct VoidedL7 {
  std::size_t entry = 0;
  std::size_t by = 0;
  std::string parser;
};

struct SubjectView {
  std::string name;  // for people
  const policy::Selector* selector = nullptr;
  std::string namespace_;
  bool is_node = false;
  std::vector<std::size_t> own;                              // entries of this selector
  std::array<std::vector<const policy::Entry*>, 2> entries;  // that apply, by direction
  ir::EndpointPolicy policy;                                 // Stage::Ranked
  std::array<std::vector<std::size_t>, 2> rule_entries;      // of policy's rules; or kNoEntry
  bool compiled = false;  // false: the rules contradict each other, there is no policy
  std::vector<diag::Diagnostic> conflicts;  // why not
  std::vector<Redundant> redundant;
  std::vector<VoidedL7> voided;

  [[nodiscard]] const ir::DirectionPolicy& direction(policy::Direction which) const {
    return policy.directions[static_cast<std::size_t>(which)];
  }
};

// Builds the view of every distinct subject and hands it to `visit(view, worker)`, on up to
// `workers` threads at once; `progress(done, total)` is called from any of them. Subjects come in
// no order.
void for_each_subject(const Model& model, unsigned workers,
                      const std::function<void(const SubjectView&, unsigned worker)>& visit,
                      const std::function<void(std::size_t, std::size_t)>& progress = {});

// The parts, for one view each.
void find_redundant(const Model& model, SubjectView& view);
void find_voided(const Model& model, SubjectView& view);

// Whether the ranges, taken together, contain all of `wanted`.
[[nodiscard]] bool covers_ports(const matrix::PortRange& wanted,
                                std::vector<matrix::PortRange> ranges);

}  // namespace policyc::lint
