#pragma once
// A file of assertions as read (docs/test-language.md).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/explain/answers.h"
#include "compiler/explain/side.h"
#include "compiler/source/source.h"

namespace policyc::testlang {

// Where something stands: from `begin` to before `end`.
struct Span {
  source::Position begin;
  source::Position end;
};

// Ports of one protocol; all of them must be as asserted.
struct Ports {
  policy::Protocol protocol = policy::Protocol::Tcp;
  std::uint16_t first = 0;  // host order; ICMP types
  std::uint16_t last = 0xffff;
  std::string name;  // a port name of the destination; the numbers say nothing then
  Span span;
};

enum class Expected : std::uint8_t { Allow, Deny, Redirect, Authenticate, Audited };
[[nodiscard]] std::string_view expected_name(Expected expected);

struct Reason {
  std::string rule;           // "CiliumNetworkPolicy/shop/api", or with the path after a space
  bool default_deny = false;  // in its place
  Span span;
};

struct Assertion {
  Expected expected = Expected::Allow;
  std::string parser;  // of a redirect; empty: any
  explain::Side from, to;
  std::vector<Ports> ports;  // empty: every port of every protocol
  explain::Request request;
  std::optional<Reason> reason;
  std::string suite;
  std::string name;  // as given, else the text
  Span span, verdict, from_span, to_span, request_span;
};

struct Fixture {
  std::string text;
  Span span;
};

struct Suite {
  std::vector<Fixture> policies, endpoints;  // paths, relative to the file
  std::vector<Fixture> options;              // KEY=VALUE, as --set
  std::optional<Fixture> config;             // a ConfigMap, as --cilium-config
  std::vector<Assertion> assertions;
};

}  // namespace policyc::testlang
