#include "compiler/manifest/document.h"
#include "compiler/scenario/read_cluster.h"
#include "compiler/scenario/read_flow.h"
#include "compiler/scenario/scenario.h"

namespace policyc::scenario {

namespace {

using nlohmann::json;

constexpr std::string_view kSchema = "policy-vectors/1";

EndpointExpectation read_endpoint_expectation(const Value& source) {
  EndpointExpectation out;
  if (const auto enforced = source.find("ingress_enforced")) {
    out.ingress_enforced = enforced->flag();
  }
  if (const auto enforced = source.find("egress_enforced")) {
    out.egress_enforced = enforced->flag();
  }
  out.resolve_error = source.find("resolve_error").has_value();
  return out;
}

Case read(const Value& source) {
  Case out;
  out.id = source.text_or("id", source.text_or("name", ""));
  if (const auto config = source.find("config")) {
    out.options = read_options(*config);
  }
  out.cluster = read_cluster(source);
  source.each_item_of("policies",
                      [&out](const Value& text) { out.policies.push_back(text.text()); });
  source.each_item_of("flows", [&out](const Value& flow) { out.flows.push_back(read_flow(flow)); });
  if (const auto expected = source.find("policies_expect")) {
    out.refused_policies = 0;
    expected->each_item([&out](const Value& document) {
      *out.refused_policies += document.required("accept").flag() ? 0U : 1U;
    });
  }
  if (const auto endpoints = source.find("endpoints_expect")) {
    endpoints->each_member([&out](const std::string& name, const Value& expect) {
      out.endpoints[name] = read_endpoint_expectation(expect);
    });
  }
  return out;
}

Result<std::vector<Case>> read_all(const json& root) {
  if (!root.is_object()) {
    return fail("expected a mapping");
  }
  try {
    const Value value(root, "");
    const auto cases = root.find("cases");
    if (cases == root.end()) {
      return std::vector<Case>{read(value)};
    }
    if (const auto schema = value.find("schema"); schema && schema->text() != kSchema) {
      schema->fail("expected `" + std::string(kSchema) + "`");
    }
    const json defaults = root.value("defaults", json::object());
    if (!defaults.is_object()) {
      value.required("defaults").fail("expected a mapping");
    }
    std::vector<Case> out;
    if (!cases->is_array()) {
      value.required("cases").fail("expected a list");
    }
    for (std::size_t i = 0; i < cases->size(); ++i) {
      const std::string place = "cases[" + std::to_string(i) + "]";
      const json& item = cases->at(i);
      if (defaults.empty() || !item.is_object()) {
        out.push_back(read(Value(item, place)));
        continue;
      }
      json merged = defaults;
      merged.update(item);
      out.push_back(read(Value(merged, place)));
    }
    return out;
  } catch (const ReadError& error) {
    return fail(error.message);
  }
}

json to_json_value(const manifest::Node& node) {
  switch (node.kind) {
    case manifest::NodeKind::Sequence: {
      json out = json::array();
      for (const manifest::Node& item : node.items) {
        out.push_back(to_json_value(item));
      }
      return out;
    }
    case manifest::NodeKind::Mapping: {
      json out = json::object();
      for (const manifest::Member& member : node.members) {
        out[member.key] = to_json_value(member.value);
      }
      return out;
    }
    case manifest::NodeKind::Scalar:
      break;
  }
  switch (node.type) {
    case manifest::ScalarType::Null:
      return nullptr;
    case manifest::ScalarType::Bool:
      return node.text == "true";
    case manifest::ScalarType::Int:
    case manifest::ScalarType::Float:
      return json::parse(node.text, nullptr, false);
    case manifest::ScalarType::String:
      break;
  }
  return node.text;
}

// A YAML scenario is a document like any other: it has an apiVersion and a kind.
Result<std::vector<Case>> read_yaml(const std::string& file_name, const std::string& text) {
  source::SourceMap sources;
  diag::Engine diagnostics;
  const auto file = sources.add_file(file_name, text);
  std::vector<Case> out;
  for (const manifest::Document& document : manifest::read_documents(sources, file, diagnostics)) {
    if (document.api_version.value != kSchema || document.kind.value != "Scenario") {
      return fail("a scenario in YAML begins with `apiVersion: " + std::string(kSchema) +
                  "` and `kind: Scenario`");
    }
    auto cases = read_all(to_json_value(document.root));
    if (!cases) {
      return cases;
    }
    std::move(cases->begin(), cases->end(), std::back_inserter(out));
  }
  if (diagnostics.has_errors()) {
    return fail(diag::render_text(sources, diagnostics));
  }
  return out;
}

}  // namespace

Result<Case> read_case(std::string_view json_text) {
  const json root = json::parse(json_text, nullptr, false);
  if (root.is_discarded()) {
    return fail("not valid JSON");
  }
  try {
    return read(Value(root, ""));
  } catch (const ReadError& error) {
    return fail(error.message);
  }
}

Result<std::vector<Case>> read_cases(const std::string& file_name, const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || text[first] != '{') {
    return read_yaml(file_name, text);
  }
  const json root = json::parse(text, nullptr, false);
  if (root.is_discarded()) {
    return fail("not valid JSON");
  }
  return read_all(root);
}

}  // namespace policyc::scenario
