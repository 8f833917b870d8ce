#include "compiler/eval/merge.h"

#include <algorithm>

namespace policyc::eval {

namespace {

using policy::Parser;

std::string conflict(const std::string& what, const std::string& added,
                     const std::string& existing) {
  return "cannot merge conflicting " + what + " (" + added + "/" + existing + ")";
}

// TLS gives way to the parsers that run inside a TLS connection.
bool absorbs_tls(Parser parser) {
  return parser == Parser::Http || parser == Parser::Kafka || parser == Parser::Generic;
}

std::string merge_parser(PeerPolicy& existing, const PeerPolicy& added) {
  const bool same =
      existing.parser == added.parser && existing.generic_parser == added.generic_parser;
  if (same || added.parser == Parser::None) {
    return {};
  }
  if (existing.parser == Parser::Tls && absorbs_tls(added.parser)) {
    existing.parser = Parser::None;
  }
  if (existing.parser == Parser::None) {
    existing.parser = added.parser;
    existing.generic_parser = added.generic_parser;
    return {};
  }
  if (added.parser == Parser::Tls && absorbs_tls(existing.parser)) {
    return {};
  }
  return conflict("L7 parsers", added.parser_text(), existing.parser_text());
}

std::string merge_listener(PeerPolicy& existing, const PeerPolicy& added) {
  const bool added_is_stronger =
      added.priority != 0 && (existing.priority == 0 || added.priority < existing.priority);
  if (!added.listener.empty() && !existing.listener.empty() &&
      added.listener != existing.listener && added.priority == existing.priority) {
    return conflict("listeners", added.listener, existing.listener);
  }
  if (added_is_stronger) {
    existing.priority = added.priority;
  }
  if (!added.listener.empty() && (existing.listener.empty() || added_is_stronger)) {
    existing.listener = added.listener;
  }
  return {};
}

std::string merge_auth(PeerPolicy& existing, const PeerPolicy& added) {
  if (added.auth && existing.auth && *added.auth != *existing.auth) {
    return conflict("authentication types", std::string(policy::auth_name(*added.auth)),
                    std::string(policy::auth_name(*existing.auth)));
  }
  if (added.auth) {
    existing.auth = added.auth;
  }
  return {};
}

bool same_tls(const policy::TlsContext& a, const policy::TlsContext& b) {
  return a.secret_name == b.secret_name && a.secret_namespace == b.secret_namespace &&
         a.trusted_ca == b.trusted_ca && a.certificate == b.certificate &&
         a.private_key == b.private_key;
}

std::string merge_tls(const policy::TlsContext*& existing, const policy::TlsContext* added,
                      const std::string& which) {
  if (existing != nullptr && added != nullptr && !same_tls(*existing, *added)) {
    return conflict(which + " TLS contexts", added->secret_name.value, existing->secret_name.value);
  }
  if (existing == nullptr) {
    existing = added;
  }
  return {};
}

// Without rules on one side, that side allows everything at L7.
void merge_l7(L7List& existing, const L7List& added) {
  const bool one_side_is_open = (existing.rules == 0) != (added.rules == 0);
  existing.match_all = existing.match_all || added.match_all || one_side_is_open;
  existing.http.insert(existing.http.end(), added.http.begin(), added.http.end());
  existing.dns.insert(existing.dns.end(), added.dns.begin(), added.dns.end());
  existing.rules += added.rules;
}

}  // namespace

std::string merge(PeerPolicy& existing, const PeerPolicy& added) {
  if (existing.deny && !added.deny) {
    return {};
  }
  if (added.deny && !existing.deny) {
    existing = added;
    return {};
  }
  existing.origins.insert(existing.origins.end(), added.origins.begin(), added.origins.end());
  if (existing.deny) {
    return {};
  }
  for (const auto& step : {merge_parser, merge_listener, merge_auth}) {
    if (std::string error = step(existing, added); !error.empty()) {
      return error;
    }
  }
  if (std::string error = merge_tls(existing.terminating_tls, added.terminating_tls, "terminating");
      !error.empty()) {
    return error;
  }
  if (std::string error = merge_tls(existing.originating_tls, added.originating_tls, "originating");
      !error.empty()) {
    return error;
  }
  existing.server_names.insert(added.server_names.begin(), added.server_names.end());
  merge_l7(existing.l7, added.l7);
  if (!existing.server_names.empty() && existing.l7.rules > 0 &&
      existing.terminating_tls == nullptr) {
    return "cannot merge server names with L7 rules without TLS termination";
  }
  return {};
}

}  // namespace policyc::eval
