// The JSON of a shape. The matrix is not stored: it follows from the rules.
#include <set>

#include <nlohmann/json.hpp>

#include "compiler/ir/shape.h"
#include "runtime/abi/abi.h"

namespace policyc::ir {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kVerdicts[] = {"allow", "deny", "redirect"};
constexpr std::string_view kOperators[] = {"In", "NotIn", "Exists", "DoesNotExist"};

Json origin_json(const Origin& origin) {
  return {{"object", origin.object},
          {"path", origin.path},
          {"file", origin.file},
          {"line", origin.line}};
}

Origin origin_from(const Json& json) {
  return {json.at("object"), json.at("path"), json.at("file"), json.at("line")};
}

Json selector_json(const policy::Selector& selector) {
  Json requirements = Json::array();
  for (const auto& requirement : selector.requirements) {
    requirements.push_back({{"source", requirement.source},
                            {"key", requirement.key},
                            {"operator", kOperators[static_cast<std::size_t>(requirement.op)]},
                            {"values", requirement.values}});
  }
  return {{"text", selector.text}, {"requirements", std::move(requirements)}};
}

template <std::size_t N>
std::size_t index_in(const std::string_view (&names)[N], const std::string& name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return i;
  }
  throw std::runtime_error("unknown name `" + name + "`");
}

Json predicate_json(const policy::Predicate& predicate) {
  Json any_of = Json::array();
  for (const auto& selector : predicate.selectors) any_of.push_back(selector_json(selector));
  return any_of;
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

Json rule_json(const Rule& rule) {
  Json ports = Json::array();
  for (const auto& range : rule.ports) ports.push_back({range.protocol, range.first, range.last});
  Json peers = rule.any_peer ? Json("any") : Json(rule.peers);
  return {{"id", rule.id},
          {"verdict", kVerdicts[static_cast<std::size_t>(rule.verdict)]},
          {"precedence", rule.precedence},
          {"peers", std::move(peers)},
          {"ports", std::move(ports)},
          {"authRequired", rule.auth_required},
          {"parser", rule.parser},
          {"origin", origin_json(rule.origin)}};
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

}  // namespace

std::string to_json(const Shape& shape) {
  Json json;
  json["abiVersion"] = shape.abi_version;
  json["subject"] = shape.subject;
  json["predicates"] = Json::array();
  for (const auto& predicate : shape.predicates)
    json["predicates"].push_back(predicate_json(predicate));
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const DirectionShape& part = shape.directions[direction];
    Json rules = Json::array();
    for (const Rule& rule : part.rules) rules.push_back(rule_json(rule));
    Json origins = Json::array();
    for (const Origin& origin : part.default_deny_origins) origins.push_back(origin_json(origin));
    json[std::string(direction_name(direction))] = {{"form", form_name(part.form)},
                                                    {"enforced", part.enforced},
                                                    {"defaultDeny", part.default_deny},
                                                    {"defaultDenyBy", std::move(origins)},
                                                    {"rules", std::move(rules)}};
  }
  if (!shape.hash.empty()) json["hash"] = shape.hash;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Shape> shape_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    EndpointPolicy policy;
    bool prefer_bitset = false;
    policy.subject = json.at("subject");
    for (const Json& predicate : json.at("predicates"))
      policy.predicates.push_back(predicate_from(predicate));
    for (std::size_t direction = 0; direction < 2; ++direction) {
      const Json& part = json.at(std::string(direction_name(direction)));
      DirectionPolicy& out = policy.directions[direction];
      prefer_bitset = prefer_bitset || part.at("form") == "bitset";
      out.enforced = part.at("enforced");
      out.default_deny = part.at("defaultDeny");
      for (const Json& origin : part.at("defaultDenyBy"))
        out.default_deny_origins.push_back(origin_from(origin));
      for (const Json& rule : part.at("rules"))
        out.rules.push_back(rule_from(rule, policy.predicates.size()));
    }
    const std::uint32_t version = json.at("abiVersion");
    if (version != POLICYC_ABI_VERSION) {
      return fail("object was built for ABI version " + std::to_string(version) +
                  ", this policyc speaks " + std::to_string(POLICYC_ABI_VERSION));
    }
    check_rules(policy);
    Shape shape = make_shape(policy, prefer_bitset);
    for (const DirectionShape& direction : shape.directions) {
      if (!direction.emittable()) throw std::runtime_error("too many port classes");
    }
    if (json.at("hash").get<std::string>() != shape.hash) {
      return fail("policy hash does not match the rules that the object carries");
    }
    if (to_json(shape) != text) return fail("object metadata is not as policyc writes it");
    return shape;
  } catch (const std::exception& error) {
    return fail(std::string("object metadata: ") + error.what());
  }
}

}  // namespace policyc::ir
