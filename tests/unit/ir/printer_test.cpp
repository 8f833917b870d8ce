#include "compiler/ir/printer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ir/sample.h"

namespace policyc::ir {
namespace {

using ::testing::HasSubstr;
using testing::label;

TEST(Printer, PortsAreWrittenShort) {
  EXPECT_EQ(to_string(matrix::PortRange{}), "any");
  EXPECT_EQ(to_string({6, 0, 0xffff}), "tcp");
  EXPECT_EQ(to_string({6, 443, 443}), "tcp/443");
  EXPECT_EQ(to_string({17, 100, 200}), "udp/100-200");
  EXPECT_EQ(to_string({1, 8, 8}), "icmp/8");
  EXPECT_EQ(to_string({58, 128, 128}), "icmpv6/128");
  EXPECT_EQ(to_string({132, 1, 1}), "sctp/1");
  EXPECT_EQ(to_string({112, 0, 0xffff}), "vrrp");
  EXPECT_EQ(to_string({47, 0, 0xffff}), "47");
}

TEST(Printer, ShowsEverythingThatDecides) {
  EndpointPolicy policy;
  policy.subject = "ns/web";
  policy.predicates = {label("app", "a"), label("app", "b")};
  auto& in = policy.directions[0];
  in.enforced = in.default_deny = true;
  in.default_deny_origins = {{"CiliumNetworkPolicy/ns/p", "spec.ingress[0]", "p.yaml", 3}};
  Rule redirect;
  redirect.id = 1;
  redirect.verdict = Verdict::Redirect;
  redirect.precedence = 154;
  redirect.parser = "http";
  redirect.peers = {0, 1};
  redirect.ports = {{6, 80, 80}, {6, 443, 443}};
  redirect.origin = {"CiliumNetworkPolicy/ns/p", "spec.ingress[0]", "p.yaml", 7};
  Rule authenticated;
  authenticated.id = 2;
  authenticated.auth_required = true;
  authenticated.any_peer = true;
  authenticated.ports = {{}};
  authenticated.origin.object = "an option";
  in.rules = {redirect, authenticated};
  Rule nobody;
  nobody.id = 3;
  nobody.verdict = Verdict::Deny;
  nobody.precedence = 255;
  nobody.ports = {{}};
  policy.directions[1].enforced = true;
  policy.directions[1].rules = {nobody};
  EXPECT_EQ(print(policy),
            "policyir 1 stage ranked\n"
            "endpoint \"ns/web\"\n"
            "predicate p0 = \"any:app=a\"\n"
            "predicate p1 = \"any:app=b\"\n"
            "ingress enforced default deny\n"
            "  default deny by \"CiliumNetworkPolicy/ns/p\" \"spec.ingress[0]\" at \"p.yaml:3\"\n"
            "  rule 1: redirect \"http\" precedence 154 from p0, p1 on tcp/80, tcp/443 by "
            "\"CiliumNetworkPolicy/ns/p\" \"spec.ingress[0]\" at \"p.yaml:7\"\n"
            "  rule 2: allow authenticated precedence 1 from any on any by \"an option\"\n"
            "egress enforced default allow\n"
            "  rule 3: deny precedence 255 to nobody on any by \"\"\n");
}

TEST(Printer, MatrixListsPortClassesWithTheirRules) {
  EndpointPolicy policy;
  policy.subject = "ns/web";
  policy.predicates = {label("app", "a")};
  policy.directions[0].enforced = true;
  Rule rule;
  rule.id = 9;
  rule.peers = {0};
  rule.ports = {{6, 80, 90}};
  policy.directions[0].rules = {rule};
  const std::string text = print_matrix(make_shape(policy));
  EXPECT_THAT(text, HasSubstr("ingress: 1 predicates, 2 port classes\n"));
  EXPECT_THAT(text, HasSubstr("  any -> class 0:\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "  tcp/0-79 -> class 0:\n  tcp/80-90 -> class 1: rule 9\n  tcp/91-65535 -> class 0:\n"));
  EXPECT_THAT(text, HasSubstr("egress: 0 predicates, 1 port classes\n"));
}

}  // namespace
}  // namespace policyc::ir
