#include <algorithm>
#include <iomanip>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "compiler/backend/backend.h"
#include "compiler/driver/inputs.h"
#include "compiler/driver/object_meta.h"
#include "compiler/ir/shape.h"

namespace policyc::cli {
namespace {

using Json = nlohmann::ordered_json;

template <class Items, class Print>
std::string joined(const Items& items, std::string_view separator, Print print) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += separator;
    text += print(item);
  }
  return text;
}

std::string verdict_text(const ir::Rule& rule) {
  std::string text(ir::verdict_name(rule.verdict));
  if (!rule.parser.empty()) text += "(" + rule.parser + ")";
  if (rule.auth_required) text += " if authenticated";
  return text;
}

std::string peers_text(const ir::Rule& rule) {
  if (rule.any_peer) return "any";
  const std::string text =
      joined(rule.peers, " ", [](auto peer) { return "p" + std::to_string(peer); });
  return text.empty() ? "none" : text;
}

std::string ports_text(const ir::Rule& rule) {
  const std::string text =
      joined(rule.ports, " ", [](const auto& range) { return ir::to_string(range); });
  return text.empty() ? "none" : text;
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

// Columns as wide as their widest cell, two blanks between them.
void print_table(const std::vector<std::vector<std::string>>& rows, std::ostream& out) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out << "  " << row[i];
      if (i + 1 < row.size()) out << std::string(widths[i] - row[i].size(), ' ');
    }
    out << "\n";
  }
}

void print_direction(const ir::DirectionShape& part, std::size_t direction, std::ostream& out) {
  out << "\n" << ir::direction_name(direction) << ": ";
  if (!part.enforced) {
    out << "not enforced";
  } else {
    out << "enforced, " << (part.default_deny ? "default deny" : "no default deny");
  }
  out << ", form " << ir::form_name(part.form);
  if (part.uses_matrix()) out << ", " << part.matrix.column_count() << " port classes";
  out << "\n";
  for (const ir::Origin& origin : part.default_deny_origins) {
    out << "  default deny by " << origin.object << " " << origin.path;
    if (!origin.file.empty()) out << " " << origin.place();
    out << "\n";
  }
  if (part.rules.empty()) return;
  std::vector<std::vector<std::string>> rows{
      {"rule", "verdict", "precedence", "peers", "ports", "policy", "path", "place"}};
  for (const ir::Rule& rule : part.rules) {
    rows.push_back({std::to_string(rule.id), verdict_text(rule), std::to_string(rule.precedence),
                    peers_text(rule), ports_text(rule), rule.origin.object,
                    or_dash(rule.origin.path), or_dash(rule.origin.place())});
  }
  print_table(rows, out);
}

void print_text(const ir::Shape& shape, const backend::ObjectInfo& info, std::size_t bytes,
                std::ostream& out) {
  out << "subject      " << shape.subject << "\npolicy hash  " << shape.hash << "\nABI version  "
      << shape.abi_version << "\n\npredicates: " << shape.predicates.size() << "\n";
  for (std::size_t i = 0; i < shape.predicates.size(); ++i)
    out << "  p" << i << "  " << shape.predicates[i].to_string() << "\n";
  for (std::size_t direction = 0; direction < 2; ++direction)
    print_direction(shape.directions[direction], direction, out);

  out << "\nobject: " << bytes << " bytes, " << info.instructions << " instructions, BTF "
      << (info.has_btf ? "yes" : "no") << "\n\n";
  std::vector<std::vector<std::string>> rows{{"function", "section", "instructions"}};
  for (const auto& function : info.functions)
    rows.push_back({function.name, function.section, std::to_string(function.instructions)});
  print_table(rows, out);
  out << "\n";
  rows = {{"map"}};
  for (const auto& map : info.maps) rows.push_back({map.name});
  print_table(rows, out);
  out << "\n";
  rows = {{"section", "bytes"}};
  for (const auto& [name, size] : info.sections) rows.push_back({name, std::to_string(size)});
  print_table(rows, out);
}

// The shape as ir::to_json() has it, with what follows from it, and the object.
Json to_json(const ir::Shape& shape, const backend::ObjectInfo& info, std::size_t bytes) {
  Json json = Json::parse(ir::to_json(shape));
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const ir::DirectionShape& part = shape.directions[direction];
    Json& out = json[std::string(ir::direction_name(direction))];
    out["form"] = ir::form_name(part.form);
    if (part.uses_matrix()) out["portClasses"] = part.matrix.column_count();
  }
  Json functions = Json::array();
  for (const auto& function : info.functions) {
    functions.push_back({{"name", function.name},
                         {"section", function.section},
                         {"instructions", function.instructions}});
  }
  Json maps = Json::array();
  for (const auto& map : info.maps) maps.push_back(map.name);
  Json sections = Json::array();
  for (const auto& [name, size] : info.sections)
    sections.push_back({{"name", name}, {"bytes", size}});
  json["object"] = {{"bytes", bytes},          {"instructions", info.instructions},
                    {"btf", info.has_btf},     {"functions", std::move(functions)},
                    {"maps", std::move(maps)}, {"sections", std::move(sections)}};
  return json;
}

int inspect(const std::string& path, bool json, Context& context) {
  const auto bytes = driver::read_file(path);
  if (!bytes) {
    context.err << "policyc: " << bytes.error().message << "\n";
    return kUnreadable;
  }
  const backend::Bytes object(bytes->begin(), bytes->end());
  const auto shape = driver::read_meta(object);
  const auto info = backend::inspect(object);
  if (!shape || !info) {
    context.err << "policyc: " << path << ": "
                << (shape ? info.error().message : shape.error().message) << "\n";
    return kFindings;
  }
  if (json) {
    context.out << to_json(*shape, *info, object.size()).dump(2) << "\n";
  } else {
    print_text(*shape, *info, object.size(), context.out);
  }
  return kSuccess;
}

}  // namespace

void add_inspect(CLI::App& app, Context& context) {
  struct Arguments {
    std::string object;
    std::string output = "text";
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("inspect", "Print what a compiled object carries");
  command->add_option("object", arguments->object, "An object written by `policyc compile -o`")
      ->required();
  command->add_option("-o,--output", arguments->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  command->callback([arguments, &context] {
    context.exit_code = inspect(arguments->object, arguments->output == "json", context);
  });
}

}  // namespace policyc::cli
