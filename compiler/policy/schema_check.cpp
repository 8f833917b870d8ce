// The engine that holds a document against a schema of schema.h.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <re2/re2.h>

#include "compiler/policy/schema.h"
#include "compiler/policy/suggest.h"
#include "compiler/policy/text_format.h"

namespace policyc::policy::schema {
namespace {

using diag::Diagnostic;
using diag::Id;
using manifest::Member;
using manifest::Node;
using manifest::NodeKind;
using manifest::ScalarType;
using source::NodeId;

constexpr std::string_view kDocument = "the document";

std::string quoted(std::string_view text) {
  return text == kDocument ? std::string(text) : "`" + std::string(text) + "`";
}

// `ports[2]` is an element of `ports`.
std::string_view without_index(std::string_view name) { return name.substr(0, name.find('[')); }

std::string joined(std::span<const std::string_view> words, std::string_view conjunction = " or ") {
  std::string result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i != 0) result += i + 1 == words.size() ? conjunction : ", ";
    result += quoted(words[i]);
  }
  return result;
}

std::string_view expected_type(Kind kind) {
  switch (kind) {
    case Kind::String:
      return "a string";
    case Kind::Integer:
      return "an integer";
    case Kind::Boolean:
      return "a boolean";
    case Kind::IntOrString:
      return "an integer or a string";
    case Kind::Object:
    case Kind::Map:
      return "a mapping";
    case Kind::List:
      return "a sequence";
    case Kind::Any:
      break;
  }
  return "anything";
}

std::string with_article(std::string_view noun) {
  const bool vowel =
      std::string_view("aeiou").find(noun.empty() ? 'x' : noun.front()) != std::string_view::npos;
  return (vowel ? "an " : "a ") + std::string(noun);
}

bool has_type(const Node& node, Kind kind) {
  const bool scalar = node.kind == NodeKind::Scalar;
  switch (kind) {
    case Kind::Any:
      return true;
    case Kind::String:
      return node.is_string();
    case Kind::Integer:
      return scalar && node.type == ScalarType::Int;
    case Kind::Boolean:
      return scalar && node.type == ScalarType::Bool;
    case Kind::IntOrString:
      return node.is_string() || (scalar && node.type == ScalarType::Int);
    case Kind::Object:
    case Kind::Map:
      return node.is_mapping();
    case Kind::List:
      return node.is_sequence();
  }
  return false;
}

class Checker {
 public:
  Checker(const CheckOptions& options, PatternCache& patterns, diag::Engine& diagnostics)
      : options_(options), patterns_(patterns), diagnostics_(diagnostics) {}

  void check(const Node& node, const Type& type, std::string_view name);
  [[nodiscard]] Checked result() const { return result_; }

 private:
  Diagnostic& report(Id id, NodeId node, std::string message, std::string refusal_class = {}) {
    result_.valid = false;
    Diagnostic& diagnostic = diagnostics_.report(id, node, std::move(message));
    diagnostic.refused_by = options_.refused_by;
    diagnostic.refusal_class = std::move(refusal_class);
    return diagnostic;
  }
  void wrong_type(const Node& node, const Type& type, std::string_view name);
  void unknown_field(const Member& member, const Type& type);
  void check_object(const Node& node, const Type& type, std::string_view name);
  void check_presence(const Node& node, const Type& type, std::string_view name);
  void check_map(const Node& node, const Type& type, std::string_view name);
  void check_list(const Node& node, const Type& type, std::string_view name);
  void check_unique(const Node& node, std::string_view name);
  void check_string(const Node& node, const Type& type, std::string_view name);
  void check_integer(const Node& node, const Type& type, std::string_view name);

  const CheckOptions& options_;
  PatternCache& patterns_;
  diag::Engine& diagnostics_;
  Checked result_;
};

bool is_present(const Node& object, std::string_view field) {
  const Node* value = object.find(field);
  return value != nullptr && !value->is_null();
}

void Checker::wrong_type(const Node& node, const Type& type, std::string_view name) {
  result_.well_typed = false;
  Diagnostic& diagnostic = report(
      Id::WrongType, node.id,
      quoted(name) + " is " + (node.is_null() ? "null" : with_article(manifest::type_name(node))) +
          ", expected " + std::string(expected_type(type.kind)),
      "decode");
  if (type.kind == Kind::String && node.kind == NodeKind::Scalar && !node.is_null()) {
    diagnostic.help = "write it in quotes";
    if (node.type == ScalarType::Bool)
      diagnostic.help += ": YAML reads the plain word as a boolean";
  } else if (type.kind == Kind::List && !node.is_null()) {
    diagnostic.help = "put `- ` in front of each element";
  } else if (type.kind == Kind::Integer && node.is_string()) {
    diagnostic.help = "write the number without quotes";
  }
}

void Checker::unknown_field(const Member& member, const Type& type) {
  std::vector<std::string_view> known;
  for (const Field& field : type.fields) known.push_back(field.name);
  const bool was_valid = result_.valid;
  Diagnostic& diagnostic = report(Id::UnknownField, member.key_id,
                                  "unknown field " + quoted(member.key), "unknown-field");
  if (const std::string word = nearest_word(member.key, known); !word.empty()) {
    diagnostic.help = "did you mean " + quoted(word) + "?";
  } else {
    diagnostic.help = "known here: " + joined(known);
  }
  if (!options_.unknown_fields_are_errors) {
    diagnostic.severity = diag::Severity::Warning;
    diagnostic.refused_by = diag::RefusedBy::Policyc;
    result_.valid = was_valid;
  }
}

void Checker::check_presence(const Node& node, const Type& type, std::string_view name) {
  for (const Field& field : type.fields) {
    if (!field.required || is_present(node, field.name)) continue;
    report(Id::MissingField, node.id, quoted(name) + " has no " + quoted(field.name)).help =
        "add " + quoted(field.name);
  }
  std::vector<NodeId> given;
  for (const std::string_view field : type.exactly_one) {
    if (is_present(node, field)) given.push_back(node.find_member(field)->key_id);
  }
  if (!type.exactly_one.empty() && given.empty()) {
    report(Id::NoneOfFields, node.id, quoted(name) + " has none of " + joined(type.exactly_one))
        .help = "give exactly one of them";
  } else if (given.size() > 1) {
    Diagnostic& diagnostic = report(
        Id::SeveralOfFields, node.id,
        quoted(name) + " has several of " + joined(type.exactly_one, " and ") + ", one is allowed");
    for (const NodeId key : given) diagnostic.infos.push_back({key, "given here"});
  }
  bool any = type.at_least_one.empty();
  for (const std::string_view field : type.at_least_one) any = any || is_present(node, field);
  if (!any) {
    report(Id::NoneOfFields, node.id, quoted(name) + " has none of " + joined(type.at_least_one))
        .help = "give at least one of them";
  }
}

void Checker::check_object(const Node& node, const Type& type, std::string_view name) {
  for (const Member& member : node.members) {
    const Field* field = nullptr;
    for (const Field& candidate : type.fields) {
      if (candidate.name == member.key) field = &candidate;
    }
    if (field == nullptr) {
      unknown_field(member, type);
    } else if (!member.value.is_null()) {  // a null field is dropped before validation
      check(member.value, *field->type, field->name);
    }
  }
  if (options_.constraints) check_presence(node, type, name);
}

void Checker::check_map(const Node& node, const Type& type, std::string_view name) {
  if (type.items == nullptr) return;
  for (const Member& member : node.members) {
    if (!member.value.is_null()) {
      check(member.value, *type.items, member.key);
    } else if (options_.null_items_are_errors) {
      diagnostics_
          .report(Id::NullDropped, member.key_id,
                  quoted(member.key) + " of " + quoted(name) + " is null: the API server drops it")
          .help = "write \"\" for an empty value, or remove the key";
    }
  }
}

void Checker::check_list(const Node& node, const Type& type, std::string_view name) {
  if (options_.constraints && node.items.size() < type.min_items) {
    report(Id::TooFewItems, node.id, quoted(name) + " must not be empty").help =
        "remove the key, or give an element";
  }
  if (options_.constraints && node.items.size() > type.max_items) {
    if (!type.removed_in_favour_of.empty()) {
      report(Id::RemovedFeature, node.id, quoted(name) + " was removed from the policy language")
          .help = std::string(type.removed_in_favour_of);
      return;
    }
    report(Id::TooManyItems, node.items[type.max_items].id,
           quoted(name) + " has " + std::to_string(node.items.size()) + " elements, at most " +
               std::to_string(type.max_items) + " are allowed")
        .help = "spread them over several elements of the enclosing list";
  }
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const Node& item = node.items[i];
    if (item.is_null() && !options_.null_items_are_errors) continue;
    check(item, *type.items, std::string(name) + "[" + std::to_string(i) + "]");
  }
  if (options_.constraints && type.unique_items) check_unique(node, name);
}

void Checker::check_unique(const Node& node, std::string_view name) {
  std::map<std::string_view, NodeId> seen;
  for (const Node& item : node.items) {
    if (item.kind != NodeKind::Scalar) continue;
    const auto [first, added] = seen.emplace(item.text, item.id);
    if (added) continue;
    Diagnostic& diagnostic =
        report(Id::DuplicateItem, item.id, quoted(item.text) + " is twice in " + quoted(name));
    diagnostic.infos.push_back({first->second, "the first one is here"});
  }
}

void Checker::check_string(const Node& node, const Type& type, std::string_view name) {
  if (!type.values.empty()) {
    for (const std::string_view value : type.values) {
      if (value == node.text) return;
    }
    Diagnostic& diagnostic =
        report(Id::ValueNotAllowed, node.id,
               quoted(node.text) + " is not a value of " + quoted(without_index(name)));
    const std::string word = nearest_word(node.text, type.values);
    diagnostic.help =
        word.empty() ? "allowed: " + joined(type.values) : "did you mean " + quoted(word) + "?";
    return;
  }
  const std::size_t length = code_points(node.text);
  if (length < type.min_length) {
    report(Id::WrongLength, node.id, quoted(name) + " must not be empty");
  } else if (length > type.max_length) {
    report(Id::WrongLength, node.id,
           quoted(name) + " has " + std::to_string(length) + " characters, at most " +
               std::to_string(type.max_length) + " are allowed");
  }
  if (!type.pattern.empty() && !RE2::PartialMatch(node.text, patterns_.get(type.pattern))) {
    report(Id::PatternMismatch, node.id,
           quoted(node.text) + " is not valid in " + quoted(without_index(name)))
        .help = "expected " + std::string(type.pattern_in_words);
  }
  if (type.format == Format::Cidr && !parse_sloppy_prefix(node.text)) {
    Diagnostic& diagnostic =
        report(Id::NotACidr, node.id, quoted(node.text) + " is not a prefix in CIDR notation");
    const auto address = parse_ip_address(node.text);
    diagnostic.help = address ? "did you mean " + quoted(host_prefix(*address).to_string()) + "?"
                              : "expected an address, `/` and a length, such as `10.0.0.0/8`";
  }
}

void Checker::check_integer(const Node& node, const Type& type, std::string_view name) {
  std::int64_t value = 0;
  const bool fits = RE2::FullMatch(node.text, "(-?\\d+)", &value);
  if (fits && value >= type.minimum && value <= type.maximum) return;
  report(Id::NumberOutOfRange, node.id, quoted(name) + " is " + node.text + ", out of range").help =
      type.maximum == std::numeric_limits<std::int64_t>::max()
          ? "expected a 64-bit integer"
          : "expected " + std::to_string(type.minimum) + " to " + std::to_string(type.maximum);
}

void Checker::check(const Node& node, const Type& type, std::string_view name) {
  if (diagnostics_.exhausted()) {
    result_ = {.well_typed = false, .valid = false};
    return;
  }
  if (type.string_in_files && !options_.constraints && node.is_string()) return;
  if (!has_type(node, type.kind)) return wrong_type(node, type, name);
  switch (type.kind) {
    case Kind::Any:
      return;
    case Kind::Object:
      return check_object(node, type, name);
    case Kind::Map:
      return check_map(node, type, name);
    case Kind::List:
      return check_list(node, type, name);
    case Kind::Boolean:
      return;
    case Kind::String:
    case Kind::Integer:
    case Kind::IntOrString:
      break;
  }
  if (!options_.constraints) return;
  if (node.is_string()) {
    check_string(node, type, name);
  } else {
    check_integer(node, type, name);
  }
}

}  // namespace

PatternCache::PatternCache() = default;
PatternCache::~PatternCache() = default;

const RE2& PatternCache::get(std::string_view pattern) {
  auto& slot = compiled_[pattern];
  if (!slot)
    slot = std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()), RE2::Quiet);
  return *slot;
}

Checked check(const Node& root, const Type& type, const CheckOptions& options,
              PatternCache& patterns, diag::Engine& diagnostics) {
  Checker checker(options, patterns, diagnostics);
  checker.check(root, type, kDocument);
  return checker.result();
}

}  // namespace policyc::policy::schema
