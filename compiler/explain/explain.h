#pragma once
// Why a connection passes or not: every rule of both ends, whether it matches, and why it won or
// lost.

#include <optional>
#include <string>
#include <vector>

#include "compiler/explain/answers.h"
#include "compiler/explain/printer.h"

namespace policyc::explain {

enum class Fate : std::uint8_t {
  Decides,  // the rule that the compiled policy names
  Agrees,   // matches, says the same, and is not named
  Loses,    // matches, and a stronger rule decides
  NoMatch,  // another peer, or another port
};
[[nodiscard]] std::string_view fate_name(Fate fate);  // "decides", "agrees", "loses", "no match"

struct Considered {
  const ir::Rule* rule = nullptr;          // of SubjectPolicy::written
  std::string text;                        // rule_text()
  bool peer = false;                       // it names the peer
  bool port = false;                       // it counts for protocol and port
  std::vector<std::string> request_rules;  // what it asks of a request; of a redirect alone
  std::optional<bool> request;             // whether it lets the request pass
  Fate fate = Fate::NoMatch;
  std::string why;
};

struct EndExplanation {
  EndAnswer answer;
  std::string summary;                   // "denied by default", "allowed: no policy selects it"
  std::vector<Considered> rules;         // strongest first
  std::vector<ir::Origin> default_deny;  // policies that put the endpoint into default deny
};

struct Explanation {
  Flow flow;
  Outcome outcome = Outcome::Allow;
  std::vector<EndExplanation> ends;  // egress of the source, ingress of the destination
};

// The ends of `flow` must outlive the result.
[[nodiscard]] Explanation explain(Answers& answers, const Flow& flow);

// "denied by CiliumNetworkPolicy/a/b spec.ingressDeny[0] (b.yaml:7)": one end's answer in a line.
[[nodiscard]] std::string summary_of(const EndAnswer& answer);

// For a terminal; `all` lists rules that do not match as well.
[[nodiscard]] std::string to_text(const Explanation& explanation, bool all, Printer printer = {});
// {"schemaVersion": 1, "outcome", "flow", "ends": [...]}.
[[nodiscard]] std::string to_json(const Explanation& explanation);

}  // namespace policyc::explain
