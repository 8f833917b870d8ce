#pragma once
// The L7 rules that count for one connection on one side, and requests that two sides judge
// differently.

#include <set>
#include <string>
#include <vector>

#include "compiler/diff/subjects.h"

namespace policyc::diff {

// What lets a request of one connection pass.
struct RequestRules {
  bool unrestricted = false;  // some rule lets every request pass
  std::set<std::string> texts;
  std::vector<const policy::EntryPorts*> elements;

  [[nodiscard]] bool lets_pass(const explain::Request& request) const;
};

// Of the rules of `side` that name the peer and count for the port.
[[nodiscard]] RequestRules request_rules(const explain::Model& model, const SubjectSide& side,
                                         std::size_t direction, const policy::LabelSet& peer,
                                         policy::Protocol protocol, std::uint16_t port);

// A request that one of them lets pass and the other does not, made from the literal parts of their
// rules; empty when none was found.
[[nodiscard]] std::string telling_request(const RequestRules& before, const RequestRules& after);

}  // namespace policyc::diff
