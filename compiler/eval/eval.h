#pragma once
// The reference evaluator: plain, slow, obvious. It works on the resolved entries (compiler/policy)
// alone and shares no code with IR, passes, matrix or emission. Spec sections 5.3, 6 and 7,
// appendix A.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/policy/entry.h"
#include "compiler/policy/l7/http_rule.h"

namespace policyc::eval {

using policy::l7::HttpRequest;

struct Peer {
  enum class Kind : std::uint8_t { Endpoint, Entity, Address } kind = Kind::Address;
  std::string name;  // endpoint full name, or entity
  IpAddress address;
};

struct Flow {
  std::string subject;  // endpoint full name
  policy::Direction direction = policy::Direction::Ingress;
  Peer peer;
  policy::Protocol protocol = policy::Protocol::Tcp;
  std::uint16_t port = 0;  // host order; ICMP type
  std::optional<std::string> dns_query;
  std::optional<HttpRequest> http;
  std::optional<std::string> server_name;
};

enum class Verdict : std::uint8_t { Allow, Deny, Redirect };

struct FlowResult {
  Verdict verdict = Verdict::Deny;
  bool by_default = false;  // no entry matched
  // Allowed by the policies that are enforced; those in audit mode would deny it. `by_default` and
  // `origins` tell of that denial.
  bool audited = false;
  bool subject_error = false;  // the subject's policy does not compute (spec section 6.4), or the
                               // subject or peer is unknown; fails closed
  std::string parser;  // "http", "dns", "kafka", "tls", "crd", or the l7proto name; redirect only
  std::string listener;
  std::string auth;                // "disabled", "spire", "test-always-fail"; empty: none
  std::string auth_source;         // "explicit", "derived"
  std::optional<bool> l7_allowed;  // of the request given
  // Entries that contributed to the winning verdict; by default: those that deny what no rule
  // allows.
  std::vector<policy::Origin> origins;
};

// Of all policies; those in audit mode change only what is reported.
struct EndpointState {
  bool ingress_enforced = false;
  bool egress_enforced = false;
  std::string error;  // conflicts that make the policy impossible to compute
};

// Holds the resolved policies of one cluster; answers flows. Subject policies are computed on first
// use and kept.
class Evaluator {
 public:
  Evaluator(const policy::Cluster& cluster, const policy::Resolved& resolved,
            const policy::Options& options);
  ~Evaluator();
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  [[nodiscard]] FlowResult evaluate(const Flow& flow);
  [[nodiscard]] EndpointState endpoint_state(const std::string& full_name);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace policyc::eval
