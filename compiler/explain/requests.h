#pragma once
// What the L7 part of one rule says of a request. The proxies' whole answer is the evaluator's;
// this tells which rules it came from.

#include <optional>
#include <string>
#include <vector>

#include "compiler/explain/answers.h"
#include "compiler/ir/ir.h"

namespace policyc::explain {

// The parts of the policies that a rule of the IR came from, for one port: what an element of
// `toPorts` says. Empty for a rule without one.
[[nodiscard]] std::vector<const policy::EntryPorts*> sources_of(
    const Model& model, const policy::Cluster& cluster, const policy::Endpoint& subject,
    std::size_t direction, const ir::Rule& rule, policy::Protocol protocol, std::uint16_t port);

// True when the element lets the request pass, which it does when it asks for nothing.
[[nodiscard]] bool lets_pass(const policy::EntryPorts& ports, const Request& request);

// Each L7 rule of the element for people: `http GET /v1/.*`, `dns *.example.com`, `sni a.example`.
[[nodiscard]] std::vector<std::string> request_rules(const policy::EntryPorts& ports);

}  // namespace policyc::explain
