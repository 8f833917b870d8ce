// The JSON of a shape. The matrix is not stored: it follows from the rules.
#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "compiler/ir/form.h"
#include "compiler/ir/shape.h"
#include "runtime/abi/abi.h"

namespace policyc::ir {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kVerdicts[] = {"allow", "deny", "redirect"};
// Of rules that stand in one answer alone; the others do not say so.
constexpr std::string_view kAnswers[] = {"audited", "enforced"};
constexpr std::string_view kOperators[] = {"In", "NotIn", "Exists", "DoesNotExist"};

// Compact JSON, appended as it comes: an object of 1,000 rules is described for each compilation,
// and a tree of it would take longer to build than the whole policy to compile.
class Text {
 public:
  Text& raw(std::string_view text) {
    out_ += text;
    return *this;
  }
  Text& string(std::string_view text) {
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
      return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
    });
    if (plain) {
      out_.append(1, '"').append(text).append(1, '"');
    } else {
      out_ += Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    return *this;
  }
  Text& number(std::uint32_t value) {
    out_ += std::to_string(value);
    return *this;
  }
  Text& boolean(bool value) { return raw(value ? "true" : "false"); }
  // Each item by `write`, with commas between.
  template <class Items, class Write>
  Text& list(const Items& items, Write write) {
    out_ += '[';
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += ',';
      first = false;
      write(item);
    }
    out_ += ']';
    return *this;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void write_origin(Text& out, const Origin& origin) {
  out.raw(R"({"object":)").string(origin.object).raw(R"(,"path":)").string(origin.path);
  out.raw(R"(,"file":)").string(origin.file).raw(R"(,"line":)").number(origin.line).raw("}");
}

void write_selector(Text& out, const policy::Selector& selector) {
  out.raw(R"({"text":)").string(selector.text).raw(R"(,"requirements":)");
  out.list(selector.requirements, [&out](const policy::Requirement& requirement) {
    out.raw(R"({"source":)").string(requirement.source).raw(R"(,"key":)").string(requirement.key);
    out.raw(R"(,"operator":)").string(kOperators[static_cast<std::size_t>(requirement.op)]);
    out.raw(R"(,"values":)");
    out.list(requirement.values, [&out](const std::string& value) { out.string(value); });
    out.raw("}");
  });
  out.raw("}");
}

void write_rule(Text& out, const Rule& rule) {
  out.raw(R"({"id":)").number(rule.id).raw(R"(,"verdict":)");
  out.string(kVerdicts[static_cast<std::size_t>(rule.verdict)]);
  out.raw(R"(,"precedence":)").number(rule.precedence).raw(R"(,"peers":)");
  if (rule.any_peer) {
    out.string("any");
  } else {
    out.list(rule.peers, [&out](std::uint32_t peer) { out.number(peer); });
  }
  out.raw(R"(,"ports":)").list(rule.ports, [&out](const matrix::PortRange& range) {
    out.raw("[").number(range.protocol).raw(",").number(range.first);
    out.raw(",").number(range.last).raw("]");
  });
  if (rule.answer != matrix::Answer::Both)
    out.raw(R"(,"answer":)").string(kAnswers[static_cast<std::size_t>(rule.answer) - 1]);
  out.raw(R"(,"authRequired":)").boolean(rule.auth_required);
  out.raw(R"(,"parser":)").string(rule.parser).raw(R"(,"origin":)");
  write_origin(out, rule.origin);
  out.raw("}");
}

void write_direction(Text& out, const Shape& shape, std::size_t direction) {
  const DirectionShape& part = shape.directions[direction];
  out.string(direction_name(direction)).raw(R"(:{"form":)").string(form_name(part.form));
  out.raw(R"(,"enforced":)").boolean(part.enforced);
  out.raw(R"(,"defaultDeny":)").boolean(part.default_deny).raw(R"(,"defaultDenyBy":)");
  out.list(part.default_deny_origins, [&out](const Origin& origin) { write_origin(out, origin); });
  out.raw(R"(,"rules":)");
  out.list(part.rules, [&out](const Rule& rule) { write_rule(out, rule); });
  out.raw("}");
}

void write_predicates(Text& out, const Shape& shape) {
  out.list(shape.predicates, [&out](const policy::Predicate& predicate) {
    out.list(predicate.selectors,
             [&out](const policy::Selector& selector) { write_selector(out, selector); });
  });
}

Origin origin_from(const Json& json) {
  return {json.at("object"), json.at("path"), json.at("file"), json.at("line")};
}

template <std::size_t N>
std::size_t index_in(const std::string_view (&names)[N], const std::string& name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return i;
  }
  throw std::runtime_error("unknown name `" + name + "`");
}

policy::Selector selector_from(const Json& json) {
  policy::Selector selector;
  selector.text = json.at("text");
  for (const Json& item : json.at("requirements")) {
    selector.requirements.push_back(
        {item.at("source"), item.at("key"),
         static_cast<policy::Operator>(index_in(kOperators, item.at("operator"))),
         item.at("values").get<std::vector<std::string>>()});
  }
  return selector;
}

policy::Predicate predicate_from(const Json& json) {
  policy::Predicate predicate;
  for (const Json& selector : json) predicate.selectors.push_back(selector_from(selector));
  return predicate;
}

// Throws what shape_from_json() reports.
Rule rule_from(const Json& json, std::size_t predicate_count) {
  Rule rule;
  rule.id = json.at("id");
  rule.verdict = static_cast<Verdict>(index_in(kVerdicts, json.at("verdict")));
  rule.precedence = json.at("precedence");
  rule.any_peer = json.at("peers").is_string();
  if (!rule.any_peer) rule.peers = json.at("peers").get<std::vector<std::uint32_t>>();
  for (const std::uint32_t peer : rule.peers) {
    if (peer >= predicate_count)
      throw std::runtime_error("rule names a predicate that does not exist");
  }
  for (const Json& range : json.at("ports")) {
    rule.ports.push_back({range.at(0), range.at(1), range.at(2)});
    const matrix::PortRange& read = rule.ports.back();
    if (read.first > read.last) throw std::runtime_error("port range is reversed");
    if (read.protocol == matrix::kAnyProtocol && read != matrix::PortRange{}) {
      throw std::runtime_error("a range of ports needs a protocol");
    }
  }
  if (const auto answer = json.find("answer"); answer != json.end())
    rule.answer = static_cast<matrix::Answer>(index_in(kAnswers, answer->get<std::string>()) + 1);
  rule.auth_required = json.at("authRequired");
  rule.parser = json.at("parser");
  rule.origin = origin_from(json.at("origin"));
  return rule;
}

// What the rest of policyc takes for granted.
void check_rules(const EndpointPolicy& policy) {
  std::set<std::uint32_t> ids;
  for (const DirectionPolicy& direction : policy.directions) {
    for (const Rule& rule : direction.rules) {
      if (rule.id == 0 || rule.id > kMaxRuleId) throw std::runtime_error("rule id is out of range");
      if (!ids.insert(rule.id).second) throw std::runtime_error("rule id is not unique");
    }
    if (!fits(direction)) throw std::runtime_error("too many rules and port classes");
  }
}

Form form_from(const std::string& name) {
  for (const Form form : {Form::Constant, Form::Compares, Form::Table, Form::Bitset}) {
    if (form_name(form) == name) return form;
  }
  throw std::runtime_error("unknown form `" + name + "`");
}

// Nesting far above what a shape has and far below what would exhaust the stack.
Json parse(std::string_view text) {
  constexpr int kMaxDepth = 32;
  return Json::parse(text, [](int depth, Json::parse_event_t, const Json&) {
    if (depth > kMaxDepth) throw std::runtime_error("nested too deeply");
    return true;
  });
}

// What the documents say; throws what is wrong with them.
Shape read_shape(const Json& predicates, const Json& rules, const std::string& hash) {
  EndpointPolicy policy;
  policy.subject = rules.at("subject");
  for (const Json& predicate : predicates) policy.predicates.push_back(predicate_from(predicate));
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const Json& part = rules.at(std::string(direction_name(direction)));
    DirectionPolicy& out = policy.directions[direction];
    out.form = form_from(part.at("form"));
    out.enforced = part.at("enforced");
    out.default_deny = part.at("defaultDeny");
    for (const Json& origin : part.at("defaultDenyBy"))
      out.default_deny_origins.push_back(origin_from(origin));
    for (const Json& rule : part.at("rules"))
      out.rules.push_back(rule_from(rule, policy.predicates.size()));
  }
  check_rules(policy);
  Shape shape = make_shape(policy);
  for (const DirectionShape& direction : shape.directions) {
    if (!direction.emittable()) throw std::runtime_error("too many port classes");
    if (choose_form(direction.rules, direction.matrix, {direction.form}) != direction.form)
      throw std::runtime_error("the rules cannot have the form that is stated");
  }
  if (hash != shape.hash)
    throw std::runtime_error("the policy hash does not match the rules that the object carries");
  return shape;
}

void check_version(std::uint32_t version) {
  if (version == POLICYC_ABI_VERSION) return;
  throw std::runtime_error("object was built for ABI version " + std::to_string(version) +
                           ", this policyc speaks " + std::to_string(POLICYC_ABI_VERSION));
}

constexpr const char* kNotOurs = "object metadata is not as policyc writes it";

}  // namespace

Documents write_documents(const Shape& shape) {
  Text predicates;
  write_predicates(predicates, shape);
  Text rules;
  rules.raw(R"({"subject":)").string(shape.subject).raw(",");
  write_direction(rules, shape, 0);
  rules.raw(",");
  write_direction(rules, shape, 1);
  rules.raw("}");
  return {predicates.take(), rules.take()};
}

std::string to_json(const Shape& shape) {
  Text out;
  out.raw(R"({"abiVersion":)").number(shape.abi_version);
  out.raw(R"(,"hash":)").string(shape.hash);
  out.raw(R"(,"predicates":)").raw(shape.documents.predicates).raw(",");
  out.raw(std::string_view(shape.documents.rules).substr(1));
  return out.take();
}

Result<Shape> shape_from_json(std::string_view text) {
  try {
    const Json json = parse(text);
    check_version(json.at("abiVersion"));
    Shape shape = read_shape(json.at("predicates"), json, json.at("hash"));
    if (to_json(shape) != text) return fail(kNotOurs);
    return shape;
  } catch (const std::exception& error) {
    return fail(std::string("object metadata: ") + error.what());
  }
}

Result<Shape> shape_from(std::uint32_t version, const std::string& hash,
                         const Documents& documents) {
  try {
    check_version(version);
    Shape shape = read_shape(parse(documents.predicates), parse(documents.rules), hash);
    if (shape.documents.predicates != documents.predicates ||
        shape.documents.rules != documents.rules)
      return fail(kNotOurs);
    return shape;
  } catch (const std::exception& error) {
    return fail(std::string("object metadata: ") + error.what());
  }
}

}  // namespace policyc::ir
