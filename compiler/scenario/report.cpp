#include <algorithm>

#include <nlohmann/json.hpp>

#include "compiler/scenario/scenario.h"

namespace policyc::scenario {

namespace {

std::string l7_text(const eval::FlowResult& result) {
  return result.l7_allowed ? (*result.l7_allowed ? "allow" : "deny") : "";
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return out;
}

std::string peer_text(const eval::Peer& peer) {
  return peer.kind == eval::Peer::Kind::Address ? peer.address.to_string() : peer.name;
}

bool has_type(policy::Protocol protocol) {
  return protocol == policy::Protocol::Icmp || protocol == policy::Protocol::IcmpV6;
}

}  // namespace

std::string_view verdict_text(eval::Verdict verdict) {
  switch (verdict) {
    case eval::Verdict::Allow:
      return "allow";
    case eval::Verdict::Deny:
      return "deny";
    case eval::Verdict::Redirect:
      return "redirect";
  }
  return "";
}

std::string describe(const eval::Flow& flow) {
  std::string text = flow.subject +
                     (flow.direction == policy::Direction::Ingress ? " <- " : " -> ") +
                     peer_text(flow.peer) + " " + lower(policy::protocol_name(flow.protocol)) +
                     (has_type(flow.protocol) ? " type " : "/") + std::to_string(flow.port);
  if (flow.http) {
    text += " " + flow.http->method + " " + flow.http->host + flow.http->path;
  }
  if (flow.dns_query) {
    text += " dns " + *flow.dns_query;
  }
  if (flow.server_name) {
    text += " sni " + *flow.server_name;
  }
  return text;
}

std::vector<std::string> differences(const Expectation& expect, const eval::FlowResult& result) {
  std::vector<std::string> out;
  const auto compare = [&out](const char* name, const std::optional<std::string>& wanted,
                              std::string_view got) {
    if (wanted && *wanted != got) {
      out.push_back(std::string(name) + ": expected " + *wanted + ", got " +
                    (got.empty() ? "nothing" : std::string(got)));
    }
  };
  compare("verdict", expect.verdict, verdict_text(result.verdict));
  compare("parser", expect.parser, result.parser);
  compare("l7", expect.l7, l7_text(result));
  compare("auth", expect.auth, result.auth);
  compare("auth_src", expect.auth_source, result.auth_source);
  compare("listener", expect.listener, result.listener);
  const auto compare_flag = [&out](const char* name, const std::optional<bool>& wanted, bool got) {
    if (wanted && *wanted != got) {
      out.push_back(std::string(name) + ": expected " + (*wanted ? "true" : "false") + ", got " +
                    (got ? "true" : "false"));
    }
  };
  compare_flag("default", expect.by_default, result.by_default);
  compare_flag("audited", expect.audited, result.audited);
  return out;
}

std::vector<std::string> case_differences(const Case& source, const Prepared& prepared) {
  std::vector<std::string> out;
  if (source.refused_policies && *source.refused_policies != prepared.rejected_policies()) {
    out.push_back("documents refused: expected " + std::to_string(*source.refused_policies) +
                  ", got " + std::to_string(prepared.rejected_policies()));
  }
  eval::Evaluator evaluator(source.cluster, prepared.resolved(), source.options);
  for (const auto& [name, expect] : source.endpoints) {
    const eval::EndpointState state = evaluator.endpoint_state(name);
    const auto compare = [&out, &name](const char* what, const std::optional<bool>& wanted,
                                       bool got) {
      if (wanted && *wanted != got) {
        out.push_back(name + " " + what + ": expected " + (*wanted ? "true" : "false") + ", got " +
                      (got ? "true" : "false"));
      }
    };
    compare("ingress enforced", expect.ingress_enforced, state.ingress_enforced);
    compare("egress enforced", expect.egress_enforced, state.egress_enforced);
    if (expect.resolve_error != !state.error.empty()) {
      out.push_back(name + " policy error: expected " + (expect.resolve_error ? "one" : "none") +
                    ", got " + (state.error.empty() ? "none" : "`" + state.error + "`"));
    }
  }
  return out;
}

std::string to_json(const std::vector<eval::FlowResult>& results) {
  nlohmann::json flows = nlohmann::json::array();
  for (const eval::FlowResult& result : results) {
    nlohmann::json flow = {{"verdict", verdict_text(result.verdict)}};
    const auto put = [&flow](const char* key, const std::string& text) {
      if (!text.empty()) {
        flow[key] = text;
      }
    };
    put("parser", result.parser);
    put("l7", l7_text(result));
    put("auth", result.auth);
    put("auth_src", result.auth_source);
    put("listener", result.listener);
    if (result.by_default) {
      flow["default"] = true;
    }
    if (result.audited) {
      flow["audited"] = true;
    }
    if (result.subject_error) {
      flow["error"] = true;
    }
    flows.push_back(std::move(flow));
  }
  return nlohmann::json{{"flows", std::move(flows)}}.dump(-1, ' ', false,
                                                          nlohmann::json::error_handler_t::replace);
}

}  // namespace policyc::scenario
