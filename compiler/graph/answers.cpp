#include "compiler/graph/answers.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "runtime/abi/policy.h"

namespace policyc::graph {
namespace {

constexpr std::uint16_t kLastPort = 0xffff;

// The classes by what a direction's predicates say of them.
class Split {
 public:
  explicit Split(std::size_t class_count) : group_of_(class_count, 0) {}

  struct Group {
    matrix::PredicateTruth truth;
    std::size_t size = 0;
  };

  // Group 0 has the classes of which no predicate is true.
  void run(const std::vector<const std::vector<ClassIndex>*>& predicates) {
    for (const ClassIndex index : touched_) group_of_[index] = 0;
    touched_.clear();
    groups_.assign(1, {matrix::PredicateTruth(predicates.size(), false), group_of_.size()});
    for (std::size_t bit = 0; bit < predicates.size(); ++bit) refine(bit, *predicates[bit]);
  }
  [[nodiscard]] const std::vector<Group>& groups() const { return groups_; }
  [[nodiscard]] std::uint32_t group_of(ClassIndex index) const { return group_of_[index]; }
  // Classes that are not in group 0, ascending.
  [[nodiscard]] const std::vector<ClassIndex>& touched() {
    std::sort(touched_.begin(), touched_.end());
    return touched_;
  }
  [[nodiscard]] std::size_t class_count() const { return group_of_.size(); }

 private:
  void refine(std::size_t bit, const std::vector<ClassIndex>& matched) {
    child_of_.assign(groups_.size(), 0);  // 0: none yet
    for (const ClassIndex index : matched) {
      const std::uint32_t from = group_of_[index];
      if (child_of_[from] == 0) {
        child_of_[from] = static_cast<std::uint32_t>(groups_.size());
        groups_.push_back({groups_[from].truth, 0});
        groups_.back().truth[bit] = true;
      }
      if (from == 0) touched_.push_back(index);
      --groups_[from].size;
      ++groups_[child_of_[from]].size;
      group_of_[index] = child_of_[from];
    }
  }

  std::vector<std::uint32_t> group_of_;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> child_of_;
  std::vector<ClassIndex> touched_;
};

// One direction of one shape.
class RowMaker {
 public:
  RowMaker(const ir::DirectionShape& shape, PortSets& ports) : shape_(shape), ports_(ports) {
    for (const ir::Rule& rule : shape.rules) rules_.emplace(rule.id, &rule);
  }

  [[nodiscard]] Row make(const std::vector<std::uint32_t>& cells) const {
    Row row;
    std::vector<ProtocolPorts> protocols;
    for (const matrix::ProtocolColumns& columns : shape_.matrix.protocols()) {
      auto& part = protocols.emplace_back(ProtocolPorts{columns.protocol, {}});
      for (std::size_t i = 0; i < columns.intervals.size(); ++i) {
        const std::uint16_t first = columns.intervals[i].first;
        const std::uint16_t last =
            i + 1 < columns.intervals.size()
                ? static_cast<std::uint16_t>(columns.intervals[i + 1].first - 1)
                : kLastPort;
        const std::uint32_t decision = cells[columns.intervals[i].column];
        part.intervals.push_back({first, flags_of(decision)});
        if (!row.segments.empty() && row.segments.back().protocol == columns.protocol &&
            row.segments.back().decision == decision) {
          row.segments.back().last = last;
        } else {
          row.segments.push_back({columns.protocol, first, last, decision});
        }
      }
    }
    row.ports = ports_.add(PortSet(std::move(protocols)));
    return row;
  }

 private:
  [[nodiscard]] PortFlags flags_of(std::uint32_t decision) const {
    if ((decision & POLICYC_DECISION_AUDITED) != 0) return kAllowed | kAudited;
    switch (POLICYC_DECISION_VERDICT(decision)) {
      case POLICY_ALLOW:
        return kAllowed;
      case POLICY_REDIRECT: {
        const auto rule = rules_.find(POLICYC_DECISION_RULE(decision));
        if (rule == rules_.end()) return kAllowed | parser_flag("");
        return static_cast<PortFlags>(kAllowed | parser_flag(rule->second->parser) |
                                      (rule->second->auth_required ? kAuthenticated : 0));
      }
      case POLICY_AUTH_REQUIRED:
        return kAllowed | kAuthenticated;
      default:
        return 0;
    }
  }

  const ir::DirectionShape& shape_;
  PortSets& ports_;
  std::unordered_map<std::uint32_t, const ir::Rule*> rules_;
};

// `group_rows`: the row of each group.
Answers sparse(Split& split, const std::vector<std::uint32_t>& group_rows) {
  std::map<std::uint32_t, std::size_t> sizes;
  for (std::size_t group = 0; group < group_rows.size(); ++group)
    sizes[group_rows[group]] += split.groups()[group].size;
  Answers answers;
  std::size_t most = 0;
  for (const auto& [row, size] : sizes) {
    if (size > most) {
      most = size;
      answers.usual = row;
    }
  }
  const auto add = [&](ClassIndex index) {
    const std::uint32_t row = group_rows[split.group_of(index)];
    if (row != answers.usual) answers.others.emplace_back(index, row);
  };
  if (answers.usual == group_rows.front()) {
    for (const ClassIndex index : split.touched()) add(index);
  } else {
    for (ClassIndex index = 0; index < split.class_count(); ++index) add(index);
  }
  return answers;
}

}  // namespace

void add_answers(Graph& graph, const Classes& classes, PortSets& ports) {
  const auto by_predicate = classes.classes_by_predicate();
  Split split(classes.count());
  std::vector<const std::vector<ClassIndex>*> asked;
  for (std::uint32_t shape = 0; shape < graph.shapes.size(); ++shape) {
    auto& of_shape = graph.answers.emplace_back();
    for (std::uint32_t direction = 0; direction < 2; ++direction) {
      const ir::DirectionShape& part = graph.direction(shape, direction);
      asked.clear();
      for (const std::uint32_t predicate : part.predicates)
        asked.push_back(&by_predicate[classes.number(shape, predicate)]);
      split.run(asked);
      const RowMaker maker(part, ports);
      std::map<std::vector<std::uint32_t>, std::uint32_t> known;
      std::vector<std::uint32_t> group_rows;
      for (const Split::Group& group : split.groups()) {
        if (group.size == 0) {  // its row would answer nobody
          group_rows.push_back(group_rows.empty() ? 0xffffffffU : group_rows.front());
          continue;
        }
        auto cells = part.matrix.row(group.truth);
        const auto [found, is_new] =
            known.try_emplace(std::move(cells), static_cast<std::uint32_t>(graph.rows.size()));
        if (is_new) {
          Row row = maker.make(found->first);
          row.shape = shape;
          row.direction = direction;
          graph.rows.push_back(std::move(row));
        }
        group_rows.push_back(found->second);
      }
      of_shape[direction] = sparse(split, group_rows);
    }
  }
}

}  // namespace policyc::graph
