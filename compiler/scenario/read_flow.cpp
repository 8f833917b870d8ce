#include "compiler/scenario/read_flow.h"

namespace policyc::scenario {

namespace {

eval::Peer read_peer(const Value& source) {
  eval::Peer out;
  std::size_t given = 0;
  if (const auto endpoint = source.find("endpoint")) {
    out.kind = eval::Peer::Kind::Endpoint;
    out.name = endpoint->text();
    ++given;
  }
  if (const auto entity = source.find("entity")) {
    out.kind = eval::Peer::Kind::Entity;
    out.name = entity->text();
    ++given;
  }
  if (const auto address = source.find("ip")) {
    out.kind = eval::Peer::Kind::Address;
    out.address = address->address();
    ++given;
  }
  if (given != 1) {
    source.fail("expected exactly one of `endpoint`, `entity` and `ip`");
  }
  return out;
}

// A mapping of names to values, or a list of [name, value] pairs when a name occurs twice.
std::vector<std::pair<std::string, std::string>> read_headers(const Value& source) {
  std::vector<std::pair<std::string, std::string>> out;
  source.each_member([&out](const std::string& name, const Value& value) {
    out.emplace_back(name, value.text());
  });
  return out;
}

eval::HttpRequest read_http(const Value& source) {
  eval::HttpRequest out;
  out.method = source.text_or("method", "GET");
  out.path = source.text_or("path", "/");
  out.host = source.text_or("host", "");
  if (const auto headers = source.find("headers")) {
    out.headers = read_headers(*headers);
  }
  return out;
}

policy::Direction read_direction(const Value& source) {
  const std::string text = source.text();
  if (text == "ingress") {
    return policy::Direction::Ingress;
  }
  if (text == "egress") {
    return policy::Direction::Egress;
  }
  source.fail("expected `ingress` or `egress`");
}

policy::Protocol read_protocol(const Value& source) {
  const auto protocol = policy::parse_protocol(source.text());
  if (!protocol || *protocol == policy::Protocol::Any) {
    source.fail("`" + source.text() + "` is not a protocol");
  }
  return *protocol;
}

std::optional<std::string> optional_text(const Value& source, const char* key) {
  const auto value = source.find(key);
  return value ? std::optional(value->text()) : std::nullopt;
}

Expectation read_expectation(const Value& source) {
  Expectation out;
  out.verdict = optional_text(source, "verdict");
  out.parser = optional_text(source, "parser");
  out.l7 = optional_text(source, "l7");
  out.auth = optional_text(source, "auth");
  out.auth_source = optional_text(source, "auth_src");
  out.listener = optional_text(source, "listener");
  if (const auto by_default = source.find("default")) {
    out.by_default = by_default->flag();
  }
  if (const auto audited = source.find("audited")) {
    out.audited = audited->flag();
  }
  return out;
}

}  // namespace

FlowCase read_flow(const Value& source) {
  FlowCase out;
  out.flow.subject = source.required("subject").text();
  out.flow.direction = read_direction(source.required("dir"));
  out.flow.peer = read_peer(source.required("peer"));
  out.flow.protocol = read_protocol(source.required("proto"));
  if (const auto port = source.find("port")) {
    out.flow.port = static_cast<std::uint16_t>(port->integer(0, 0xffff));
  }
  out.flow.dns_query = optional_text(source, "dns_query");
  out.flow.server_name = optional_text(source, "server_name");
  if (const auto http = source.find("http")) {
    out.flow.http = read_http(*http);
  }
  if (const auto expect = source.find("expect")) {
    out.expect = read_expectation(*expect);
  }
  return out;
}

}  // namespace policyc::scenario
