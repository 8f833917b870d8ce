#pragma once
// The L4 filters of one subject and direction (spec sections 6.3, 6.4): every statement for one
// port and protocol, per peer selector, merged.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/eval/ports.h"
#include "compiler/policy/entry.h"
#include "compiler/policy/l7/dns_pattern.h"
#include "compiler/policy/l7/http_rule.h"
#include "compiler/policy/l7/sni_pattern.h"

namespace policyc::eval {

// L7 rules of one selector: alternatives. Without any, L7 is not restricted.
struct L7List {
  std::vector<std::shared_ptr<const policy::l7::HttpMatcher>> http;
  std::vector<policy::l7::DnsPattern> dns;
  std::size_t rules = 0;   // of whatever kind, Kafka and generic ones included
  bool match_all = false;  // one of the rules matches everything

  [[nodiscard]] bool unrestricted() const { return rules == 0 || match_all; }
};

// What one filter says about the peers of one selector.
struct PeerPolicy {
  const policy::Selector* selector = nullptr;
  bool deny = false;
  policy::Parser parser = policy::Parser::None;
  std::string generic_parser;
  std::uint8_t priority = 0;  // of the redirect; smaller is stronger
  std::string listener;       // qualified
  std::optional<policy::AuthType> auth;
  const policy::TlsContext* terminating_tls = nullptr;
  const policy::TlsContext* originating_tls = nullptr;
  std::set<std::string> server_names;
  L7List l7;
  std::vector<const policy::Origin*> origins;

  [[nodiscard]] bool is_redirect() const { return parser != policy::Parser::None; }
  [[nodiscard]] std::string parser_text() const {
    return parser == policy::Parser::Generic ? generic_parser
                                             : std::string(policy::parser_name(parser));
  }
};

struct Filter {
  policy::PortSpec spec;           // as written
  std::optional<PortMatch> ports;  // resolved for the subject; nothing: it never matches
  std::vector<PeerPolicy> peers;
};

struct FilterContext {
  policy::Direction direction = policy::Direction::Ingress;
  bool relax_l7 = false;          // no entry of the direction has default deny (spec section 6.2)
  bool wildcard_host_l7 = false;  // allow-localhost on ingress: L7 rules do not restrict the host
  const policy::LabelSet* host_labels = nullptr;
  const policy::Selector* host_selector = nullptr;
  const policy::Selector* wildcard = nullptr;
  std::string subject_namespace;
};

// Merges what `entries` say. On a conflict returns the message in `error`, and no filters: the
// subject's policy cannot be computed.
struct Filters {
  std::vector<Filter> filters;
  std::string error;
};
[[nodiscard]] Filters build_filters(const std::vector<const policy::Entry*>& entries,
                                    const FilterContext& context);

}  // namespace policyc::eval
