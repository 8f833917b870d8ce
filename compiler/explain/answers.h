#pragma once
// What happens to a connection: the egress policy of its source and the ingress policy of its
// destination, from the verdict matrices that are compiled.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/explain/subjects.h"
#include "compiler/explain/world.h"

namespace policyc::explain {

// What the first request says, for proxies. At most one of them is set.
struct Request {
  std::optional<eval::HttpRequest> http;
  std::optional<std::string> dns;          // the name asked for
  std::optional<std::string> server_name;  // of a TLS handshake
  [[nodiscard]] bool empty() const { return !http && !dns && !server_name; }
  [[nodiscard]] std::string to_string() const;  // `http GET "/v1"`; empty when there is none
};

struct Flow {
  const End* from = nullptr;
  const End* to = nullptr;
  policy::Protocol protocol = policy::Protocol::Tcp;
  std::uint16_t port = 0;  // host order; ICMP type
  Request request;
};

// In the order in which one outcome at one end outweighs that at the other.
enum class Outcome : std::uint8_t {
  Allow,
  Redirect,      // a proxy decides by the request, and none was given that it judges
  Authenticate,  // allowed for a peer that has authenticated
  Deny,
};
[[nodiscard]] std::string_view outcome_name(Outcome outcome);  // "allow", "redirect", ...

// One end's answer.
struct EndAnswer {
  std::size_t direction = 0;  // policyc_direction: 0 ingress, 1 egress
  const End* subject = nullptr;
  const End* peer = nullptr;
  const SubjectPolicy* policy = nullptr;
  Outcome outcome = Outcome::Deny;      // with what the proxy says of the request
  bool redirected = false;              // a proxy is asked
  std::optional<bool> request_allowed;  // by the proxy
  bool by_default = false;              // no rule matches, and the default is to deny
  bool audited = false;                 // only policies in audit mode deny: it passes
  const ir::Rule* rule = nullptr;       // that decides; of policy->shape. Nothing: the default

  [[nodiscard]] const ir::DirectionShape& shape() const {
    return policy->shape.directions[direction];
  }
};

struct Answer {
  std::optional<EndAnswer> egress;   // nothing: the source has no policy of its own here
  std::optional<EndAnswer> ingress;  // likewise the destination
  Outcome outcome = Outcome::Allow;
};

class Answers {
 public:
  // Both must outlive it.
  Answers(const Model& model, const World& world);

  [[nodiscard]] Answer ask(const Flow& flow);
  // The smallest ports of [first, last], so that every other one of them is decided as one of
  // these: `first`, and wherever a rule of either end begins or has ended.
  [[nodiscard]] std::vector<std::uint16_t> ports_to_ask(const End& from, const End& to,
                                                        policy::Protocol protocol,
                                                        std::uint16_t first, std::uint16_t last);
  [[nodiscard]] const World& world() const { return world_; }
  [[nodiscard]] const Model& model() const { return model_; }

 private:
  [[nodiscard]] EndAnswer ask_end(std::size_t direction, const Flow& flow);
  [[nodiscard]] std::optional<bool> judge_request(std::size_t direction, const Flow& flow);
  // Of the last peer asked about, so that many ports cost one look at the predicates.
  [[nodiscard]] const matrix::PredicateTruth& truth(const SubjectPolicy& policy,
                                                    std::size_t direction, const End& peer);

  const Model& model_;
  const World& world_;
  Subjects subjects_;
  std::unique_ptr<eval::Evaluator> evaluator_;  // says what proxies say
  struct Truth {
    const SubjectPolicy* policy = nullptr;
    policy::LabelSet peer;
    matrix::PredicateTruth values;
  };
  std::array<Truth, 2> truths_;
};

// The flow as the evaluator is asked about it, at one end; used in the cross-check as well.
[[nodiscard]] eval::Flow evaluator_flow(std::size_t direction, const Flow& flow);

}  // namespace policyc::explain
