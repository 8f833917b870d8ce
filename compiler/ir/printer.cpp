#include "compiler/ir/printer.h"

#include <sstream>

#include "compiler/ir/quote.h"

namespace policyc::ir {
namespace {

template <class T, class Print>
std::string listed(const std::vector<T>& items, Print&& print_one, std::string_view none) {
  std::string text;
  for (const T& item : items) {
    if (!text.empty()) text += ", ";
    text += print_one(item);
  }
  return text.empty() ? std::string(none) : text;
}

std::string statement_text(const PortStatement& statement) {
  std::string text = ir_protocol_name(statement.protocol) + "/";
  if (!statement.name.empty()) {
    text += quote(statement.name);
  } else if (statement.port == 0 && statement.end_port == 0) {
    return text + "*";
  } else {
    text += std::to_string(statement.port);
  }
  if (statement.end_port != 0) text += "-" + std::to_string(statement.end_port);
  return text;
}

std::string origin_text(const Origin& origin) {
  std::string text = quote(origin.object);
  if (!origin.path.empty()) text += " " + quote(origin.path);
  if (!origin.file.empty() || origin.line != 0)
    text += " at " + quote(origin.file + ":" + std::to_string(origin.line));
  return text;
}

std::string predicate_text(const policy::Predicate& predicate) {
  std::string text;
  for (const policy::Selector& selector : predicate.selectors)
    text += (text.empty() ? "" : " | ") + quote(selector.serialise());
  return text.empty() ? "nobody" : text;
}

class Printer {
 public:
  explicit Printer(const EndpointPolicy& policy) : policy_(policy) {}

  std::string run() {
    out_ = "policyir " + std::to_string(kTextVersion) + " stage " +
           std::string(stage_name(policy_.stage)) + "\nendpoint " + quote(policy_.subject) + "\n";
    for (const EntityPeers& entity : policy_.entities)
      out_ += "entity " + quote(entity.name) + " = " + predicate_text(entity.peers) + "\n";
    for (std::size_t i = 0; i < policy_.predicates.size(); ++i) {
      out_ +=
          "predicate p" + std::to_string(i) + " = " + predicate_text(policy_.predicates[i]) + "\n";
    }
    for (std::size_t direction = 0; direction < 2; ++direction) print_direction(direction);
    return std::move(out_);
  }

 private:
  void print_direction(std::size_t direction) {
    const DirectionPolicy& part = policy_.directions[direction];
    out_ += direction_name(direction);
    out_ += part.enforced ? " enforced" : " open";
    out_ += part.default_deny ? " default deny\n" : " default allow\n";
    for (const Origin& origin : part.default_deny_origins)
      out_ += "  default deny by " + origin_text(origin) + "\n";
    for (const NamedPort& port : part.named_ports) {
      out_ += "  named-port " + ir_protocol_name(port.protocol) + " " + quote(port.name) + " = " +
              std::to_string(port.number) + "\n";
    }
    for (const Rule& rule : part.rules) print_rule(rule, direction);
    if (part.classes) print_classes(part.classes->protocols, part.classes->count, part, false);
    if (part.matrix)
      print_classes(part.matrix->protocols(), part.matrix->column_count(), part, true);
    if (part.form) out_ += "  form " + std::string(form_name(*part.form)) + "\n";
  }

  void print_rule(const Rule& rule, std::size_t direction) {
    out_ += "  rule " + std::to_string(rule.id) + ": ";
    out_ += verdict_name(rule.verdict);
    if (!rule.parser.empty()) out_ += " " + quote(rule.parser);
    if (rule.answer == matrix::Answer::Audited) out_ += " audited";
    if (rule.answer == matrix::Answer::Enforced) out_ += " unless-audited";
    if (rule.auth_required) out_ += " authenticated";
    if (rule.priority != 0) out_ += " priority " + std::to_string(rule.priority);
    if (rule.precedence != 0) out_ += " precedence " + std::to_string(rule.precedence);
    out_ += (direction == 0 ? " from " : " to ") + peers_text(rule) + " on ";
    if (!rule.statements.empty()) {
      out_ += listed(rule.statements, statement_text, "");
    } else {
      out_ += listed(
          rule.ports, [](const matrix::PortRange& range) { return to_string(range); }, "nothing");
    }
    out_ += " by " + origin_text(rule.origin) + "\n";
  }

  std::string peers_text(const Rule& rule) const {
    if (rule.any_peer) return "any";
    std::string text =
        listed(rule.peers, [](std::uint32_t peer) { return "p" + std::to_string(peer); }, "");
    for (const std::uint32_t entity : rule.entities)
      text += (text.empty() ? "entity " : ", entity ") + quote(policy_.entities[entity].name);
    return text.empty() ? "nobody" : text;
  }

  void print_classes(const std::vector<matrix::ProtocolColumns>& protocols, std::size_t count,
                     const DirectionPolicy& part, bool decided) {
    std::vector<std::vector<matrix::PortRange>> ranges(count);
    for (const matrix::ProtocolColumns& protocol : protocols) {
      for (std::size_t i = 0; i < protocol.intervals.size(); ++i) {
        const std::uint16_t last =
            i + 1 < protocol.intervals.size()
                ? static_cast<std::uint16_t>(protocol.intervals[i + 1].first - 1)
                : std::uint16_t{0xffff};
        ranges[protocol.intervals[i].column].push_back(
            {protocol.protocol, protocol.intervals[i].first, last});
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      out_ += "  class " + std::to_string(i) + " = ";
      out_ += listed(
          ranges[i], [](const matrix::PortRange& range) { return to_string(range); }, "nothing");
      if (decided) {
        out_ += " -> ";
        out_ += listed(
            part.matrix->column_rules(i),
            [&part](std::uint32_t rule) { return std::to_string(part.rules[rule].id); }, "default");
      }
      out_ += "\n";
    }
  }

  const EndpointPolicy& policy_;
  std::string out_;
};

}  // namespace

std::string print(const EndpointPolicy& policy) { return Printer(policy).run(); }

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
