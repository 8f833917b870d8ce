#include <algorithm>
#include <numeric>

#include "compiler/ir/direction_matrix.h"
#include "compiler/passes/passes.h"

namespace policyc::passes {
namespace {

// Peer lists that the matrix does not compare, because they are long, still cover each other when
// they are equal: each distinct one counts as a predicate of its own, after the real ones.
constexpr std::size_t kLongList = 16;

void name_long_lists(const std::vector<ir::Rule>& rules, std::uint32_t next,
                     std::vector<matrix::MatrixRule>& rows) {
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    if (!rules[i].any_peer && rules[i].peers.size() > kLongList) order.push_back(i);
  }
  std::sort(order.begin(), order.end(),
            [&rules](std::uint32_t a, std::uint32_t b) { return rules[a].peers < rules[b].peers; });
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i != 0 && rules[order[i]].peers != rules[order[i - 1]].peers) ++next;
    rows[order[i]].predicates = {next};
  }
}

// A rule that decides before `dead` on one of its ports.
std::uint32_t coverer(const ir::DirectionPolicy& part, const matrix::VerdictMatrix& matrix,
                      const ir::Rule& dead) {
  const matrix::PortRange& range = dead.ports.front();
  for (const std::uint32_t index :
       matrix.column_rules(matrix.column_of(range.protocol, range.first))) {
    const ir::Rule& rule = part.rules[index];
    if (!matrix::stands_in(rule.answer, dead.answer)) continue;
    if (rule.any_peer ||
        std::find_first_of(rule.peers.begin(), rule.peers.end(), dead.peers.begin(),
                           dead.peers.end()) != rule.peers.end())
      return rule.id;
  }
  return 0;
}

void take_out(ir::DirectionPolicy& part, std::size_t direction, Report& report) {
  std::erase_if(part.rules, [&](ir::Rule& rule) {
    const bool nobody = !rule.any_peer && rule.peers.empty();
    if (!nobody && !rule.ports.empty()) return false;
    report.removed.push_back(
        {std::move(rule), direction, nobody ? "it names no peer" : "it names no port", 0});
    return true;
  });
  std::uint32_t predicates = 0;
  for (const ir::Rule& rule : part.rules) {
    if (!rule.peers.empty()) predicates = std::max(predicates, rule.peers.back() + 1);
  }
  auto rows = ir::matrix_rules(part, {});
  name_long_lists(part.rules, predicates, rows);
  auto intervals = matrix::port_intervals(rows);
  const matrix::VerdictMatrix matrix(std::move(rows), 0, std::move(intervals));
  const auto dead = matrix.dead_rules();
  if (dead.empty()) return;
  std::vector<bool> is_dead(part.rules.size());
  for (const std::uint32_t index : dead) {
    const ir::Rule& rule = part.rules[index];
    is_dead[index] = true;
    report.removed.push_back({rule, direction, "stronger rules decide first wherever it matches",
                              coverer(part, matrix, rule)});
  }
  std::size_t index = 0;
  std::erase_if(part.rules, [&](const ir::Rule&) { return is_dead[index++]; });
}

}  // namespace

void RemoveDead::run(ir::EndpointPolicy& policy, Context& run) {
  for (std::size_t direction = 0; direction < 2; ++direction) {
    if (!policy.directions[direction].rules.empty())
      take_out(policy.directions[direction], direction, run.report);
  }
}

}  // namespace policyc::passes
