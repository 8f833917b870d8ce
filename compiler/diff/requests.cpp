#include "compiler/diff/requests.h"

#include <algorithm>

#include "compiler/explain/requests.h"
#include "compiler/explain/rule_text.h"

namespace policyc::diff {
namespace {

using explain::Request;

// Which choice of alternatives and classes a sample takes.
enum class Choice : std::uint8_t { First, Last };

// The place of the `)` that closes the group which `at` lies in, or the pattern's end.
std::size_t group_end(const std::string& pattern, std::size_t at) {
  std::size_t depth = 0;
  for (; at < pattern.size(); ++at) {
    if (pattern[at] == '\\') {
      ++at;
    } else if (pattern[at] == '(') {
      ++depth;
    } else if (pattern[at] == ')' && depth-- == 0) {
      return at;
    }
  }
  return pattern.size();
}

// A word that a regular expression of the usual kind matches: `.*` and classes become a letter or a
// digit. Whether it does is for the matcher to say.
std::string sample(const std::string& pattern, Choice choice) {
  std::string out;
  std::vector<std::size_t> groups{0};  // where the groups that are open begin in `out`
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      out += next == 'd' ? '1' : next == 'w' ? 'x' : next;
    } else if (c == '[') {
      const std::size_t end = pattern.find(']', i);
      if (end == std::string::npos || end == i + 1) return out;
      out += pattern[i + 1] == '^' ? 'x' : pattern[choice == Choice::First ? i + 1 : end - 1];
      i = end;
    } else if (c == '(') {
      groups.push_back(out.size());
    } else if (c == ')') {
      if (groups.size() > 1) groups.pop_back();
    } else if (c == '|') {
      if (choice == Choice::First) {
        i = group_end(pattern, i + 1) - 1;
      } else {
        out.resize(groups.back());
      }
    } else if (c == '.') {
      out += 'x';
    } else if (std::string_view("^$?*+").find(c) == std::string_view::npos) {
      out += c;
    }
  }
  return out;
}

std::string dns_sample(const policy::FqdnSelector& rule) {
  if (!rule.match_name.value.empty()) return rule.match_name.value;
  std::string out;
  for (const char c : rule.match_pattern.value) out += c == '*' ? "x" : std::string(1, c);
  return out;
}

void add_http(const policy::HttpRule& rule, Choice choice, std::vector<Request>& out) {
  Request request;
  request.http.emplace();
  const std::string method = sample(rule.method.value, choice);
  const std::string path = sample(rule.path.value, choice);
  request.http->method = method.empty() ? "GET" : method;
  request.http->path = path.starts_with('/') ? path : "/" + path;
  request.http->host = sample(rule.host.value, choice);
  for (const auto& header : rule.headers) {
    const std::size_t space = header.value.find(' ');
    request.http->headers.emplace_back(
        header.value.substr(0, space),
        space == std::string::npos ? "x" : header.value.substr(space + 1));
  }
  for (const auto& match : rule.header_matches)
    request.http->headers.emplace_back(match.name.value, match.value.value);
  out.push_back(std::move(request));
}

std::vector<Request> candidates(const RequestRules& rules) {
  std::vector<Request> out;
  for (const policy::EntryPorts* element : rules.elements) {
    for (const std::string& name : element->server_names) {
      Request request;
      request.server_name =
          name.starts_with("*") ? "x" + name.substr(name.find_first_not_of('*')) : name;
      out.push_back(std::move(request));
    }
    if (!element->rules) continue;
    if (element->rules->http) {
      for (const policy::HttpRule& rule : *element->rules->http) {
        add_http(rule, Choice::First, out);
        add_http(rule, Choice::Last, out);
      }
    }
    if (element->rules->dns) {
      for (const policy::FqdnSelector& rule : *element->rules->dns) {
        Request request;
        request.dns = dns_sample(rule);
        out.push_back(std::move(request));
      }
    }
  }
  return out;
}

}  // namespace

bool RequestRules::lets_pass(const Request& request) const {
  return unrestricted || std::any_of(elements.begin(), elements.end(), [&](const auto* element) {
           return explain::lets_pass(*element, request);
         });
}

RequestRules request_rules(const explain::Model& model, const SubjectSide& side,
                           std::size_t direction, const policy::LabelSet& peer,
                           policy::Protocol protocol, std::uint16_t port) {
  RequestRules out;
  const ir::EndpointPolicy& policy = side.policy.written;
  const explain::Model own{model.cluster, side.own, model.agent, model.sources};
  for (const ir::Rule& rule : policy.directions[direction].rules) {
    if (rule.verdict == ir::Verdict::Deny || !explain::covers(rule, protocol, port)) continue;
    const bool names =
        rule.any_peer || std::any_of(rule.peers.begin(), rule.peers.end(), [&](std::uint32_t one) {
          return policy.predicates[one].matches(peer);
        });
    if (!names) continue;
    if (rule.verdict == ir::Verdict::Allow) {
      out.unrestricted = true;
      continue;
    }
    for (const policy::EntryPorts* element :
         explain::sources_of(own, model.cluster, side.endpoint, direction, rule, protocol, port)) {
      const std::vector<std::string> texts = explain::request_rules(*element);
      if (texts.empty()) out.unrestricted = true;
      out.texts.insert(texts.begin(), texts.end());
      out.elements.push_back(element);
    }
  }
  return out;
}

std::string telling_request(const RequestRules& before, const RequestRules& after) {
  for (const RequestRules* rules : {&after, &before}) {
    for (const Request& request : candidates(*rules)) {
      if (before.lets_pass(request) != after.lets_pass(request)) return request.to_string();
    }
  }
  return {};
}

}  // namespace policyc::diff
