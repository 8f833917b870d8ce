#pragma once
// The attempts of the demo and what has to come of each.

#include <cstdint>
#include <string>
#include <vector>

#include "cli/demo/traffic.h"
#include "runtime/abi/abi.h"

namespace policyc::demo {

// Where and by what a flow has to be decided. Without `rule` and `default_deny_by` nothing decides:
// no policy is in force.
struct Expectation {
  bool answered = false;
  policyc_drop_reason reason = DROP_NONE;
  std::string pod;  // whose policy decides
  policyc_direction direction = POLICYC_INGRESS;
  std::string policy;  // of the rule: "CiliumNetworkPolicy/demo/api"
  std::string rule;    // its path: "spec.ingress[0]"
  std::vector<std::string>
      default_deny_by;  // for default deny: the policies that put the pod there
};

struct Attempt {
  std::string from;
  std::string to;
  std::string to_address;  // of the world only: which of its addresses
  Service service = Service::Tcp;
  std::uint16_t port = 0;
  bool v6 = false;
  Expectation expected;
};

inline constexpr const char* kHttpPath = "/v1/orders";

// `without_l7`: HTTP rules are compiled as plain allows, so the HTTP flow is answered.
[[nodiscard]] std::vector<Attempt> story(bool without_l7);

}  // namespace policyc::demo
