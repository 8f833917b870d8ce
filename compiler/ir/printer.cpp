#include "compiler/ir/printer.h"

#include <sstream>

namespace policyc::ir {
namespace {

std::string join_ports(const std::vector<matrix::PortRange>& ports) {
  std::string text;
  for (const auto& range : ports) text += (text.empty() ? "" : ", ") + to_string(range);
  return text;
}

void print_rule(std::ostream& out, const Rule& rule, std::size_t direction) {
  out << "  rule " << rule.id << ": " << verdict_name(rule.verdict);
  if (!rule.parser.empty()) out << "(" << rule.parser << ")";
  if (rule.auth_required) out << " authenticated";
  out << " precedence " << int{rule.precedence} << (direction == 0 ? " from " : " to ");
  if (rule.any_peer) {
    out << "any";
  } else {
    for (std::size_t i = 0; i < rule.peers.size(); ++i)
      out << (i == 0 ? "p" : " | p") << rule.peers[i];
    if (rule.peers.empty()) out << "nobody";
  }
  out << " on " << join_ports(rule.ports) << "  ; " << rule.origin.object;
  if (!rule.origin.path.empty()) out << " " << rule.origin.path;
  if (!rule.origin.file.empty()) out << " " << rule.origin.place();
  out << "\n";
}

}  // namespace

std::string print(const EndpointPolicy& policy) {
  std::ostringstream out;
  out << "endpoint " << policy.subject << "\n";
  for (std::size_t i = 0; i < policy.predicates.size(); ++i) {
    out << "predicate p" << i << ": " << policy.predicates[i].to_string() << "\n";
  }
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const DirectionPolicy& part = policy.directions[direction];
    out << direction_name(direction) << " " << (part.enforced ? "enforced" : "not enforced")
        << " default " << (part.default_deny ? "deny" : "allow") << "\n";
    for (const Origin& origin : part.default_deny_origins) {
      out << "  default deny by " << origin.object;
      if (!origin.file.empty()) out << " " << origin.place();
      out << "\n";
    }
    for (const Rule& rule : part.rules) print_rule(out, rule, direction);
  }
  return out.str();
}

std::string print_matrix(const Shape& shape) {
  std::ostringstream out;
  out << "shape " << shape.hash << "\n";
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const DirectionShape& part = shape.directions[direction];
    out << direction_name(direction) << ": " << part.predicates.size() << " predicates, "
        << part.matrix.column_count() << " port classes\n";
    for (const auto& protocol : part.matrix.protocols()) {
      for (std::size_t i = 0; i < protocol.intervals.size(); ++i) {
        const std::uint16_t last =
            i + 1 < protocol.intervals.size()
                ? static_cast<std::uint16_t>(protocol.intervals[i + 1].first - 1)
                : std::uint16_t{0xffff};
        const std::uint32_t column = protocol.intervals[i].column;
        out << "  " << to_string({protocol.protocol, protocol.intervals[i].first, last})
            << " -> class " << column << ":";
        for (const std::uint32_t index : part.matrix.column_rules(column)) {
          out << " rule " << (part.matrix.rules()[index].decision >> 8U);
        }
        out << "\n";
      }
    }
  }
  return out.str();
}

}  // namespace policyc::ir
