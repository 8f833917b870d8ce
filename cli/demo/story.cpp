#include "cli/demo/story.h"

#include "cli/demo/topology.h"

namespace policyc::demo {
namespace {

constexpr const char* kApi = "CiliumNetworkPolicy/demo/api";
constexpr const char* kApiShared = "CiliumNetworkPolicy/demo/api-shared";
constexpr const char* kOtherEgress = "CiliumNetworkPolicy/demo/other-egress";

constexpr bool kIPv4 = false;
constexpr bool kIPv6 = true;

Expectation allowed_at_api(const char* policy, const char* rule) {
  return {true, DROP_NONE, "api", POLICYC_INGRESS, policy, rule, {}};
}

Expectation dropped_at_api(policyc_drop_reason reason, const char* policy, const char* rule) {
  return {false, reason, "api", POLICYC_INGRESS, policy, rule, {}};
}

Expectation default_deny_at_api() {
  return {false, DROP_POLICY_DEFAULT_DENY, "api", POLICYC_INGRESS, "", "", {kApi, kApiShared}};
}

Expectation allowed_from_other(const char* rule) {
  return {true, DROP_NONE, "other", POLICYC_EGRESS, kOtherEgress, rule, {}};
}

Expectation default_deny_from_other() {
  return {false, DROP_POLICY_DEFAULT_DENY, "other", POLICYC_EGRESS, "", "", {kOtherEgress}};
}

Expectation no_policy() { return {true, DROP_NONE, "", POLICYC_INGRESS, "", "", {}}; }

}  // namespace

std::vector<Attempt> story(bool without_l7) {
  const Expectation http = without_l7
                               ? allowed_at_api(kApi, "spec.ingress[1]")
                               : dropped_at_api(DROP_L7_PROXY_UNAVAILABLE, kApi, "spec.ingress[1]");
  const Expectation denied = dropped_at_api(DROP_POLICY_DENY, kApiShared, "spec.ingressDeny[0]");
  const std::string world(kWorld);
  // clang-format off: a table, one attempt a line
  return {
      {"frontend", "api", "", Service::Tcp, 443, kIPv4, allowed_at_api(kApi, "spec.ingress[0]")},
      {"frontend", "api", "", Service::Tcp, 443, kIPv6, allowed_at_api(kApi, "spec.ingress[0]")},
      {"other", "api", "", Service::Tcp, 443, kIPv4, default_deny_at_api()},
      {"other", "api", "", Service::Tcp, 443, kIPv6, default_deny_at_api()},
      {"frontend", "api", "", Service::Http, 80, kIPv4, http},
      {"frontend", "api", "", Service::Udp, 53, kIPv4, allowed_at_api(kApiShared, "spec.ingress[0]")},
      {"other", "api", "", Service::Udp, 53, kIPv6, allowed_at_api(kApiShared, "spec.ingress[0]")},
      {"frontend", "api", "", Service::Udp, 5353, kIPv4, default_deny_at_api()},
      {"frontend", "api", "", Service::Tcp, 8005, kIPv4, allowed_at_api(kApiShared, "spec.ingress[0]")},
      {"other", "api", "", Service::Tcp, 8004, kIPv4, allowed_at_api(kApiShared, "spec.ingress[0]")},
      {"other", "api", "", Service::Tcp, 8005, kIPv4, denied},
      {"other", "api", "", Service::Tcp, 8005, kIPv6, denied},
      {"frontend", "api", "", Service::Ping, 0, kIPv4, allowed_at_api(kApiShared, "spec.ingress[1]")},
      {"frontend", "api", "", Service::Ping, 0, kIPv6, allowed_at_api(kApiShared, "spec.ingress[1]")},
      {"other", "api", "", Service::Ping, 0, kIPv4, default_deny_at_api()},
      {"other", world, "198.51.100.7", Service::Tcp, 443, kIPv4, allowed_from_other("spec.egress[1]")},
      {"other", world, "198.51.100.70", Service::Tcp, 443, kIPv4, default_deny_from_other()},
      {"other", world, "2001:db8:77::7", Service::Tcp, 443, kIPv6, allowed_from_other("spec.egress[1]")},
      {"other", world, "2001:db8:77:bad::7", Service::Tcp, 443, kIPv6, default_deny_from_other()},
      {"other", "frontend", "", Service::Tcp, 443, kIPv4, default_deny_from_other()},
      {"frontend", "other", "", Service::Tcp, 443, kIPv4, no_policy()},
      {"api", "frontend", "", Service::Udp, 53, kIPv6, no_policy()},
  };
  // clang-format on
}

}  // namespace policyc::demo
