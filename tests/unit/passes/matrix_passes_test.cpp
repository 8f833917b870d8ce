// From rules to port classes, columns and a form.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/ir/shape.h"
#include "tests/unit/passes/ir_text.h"

namespace policyc::passes {
namespace {

using testing::parse;
using testing::run_on;

// The egress of these documents has a matrix too.
std::string text(std::string_view stage, std::string_view ingress, std::string_view egress) {
  return "policyir 1 stage " + std::string(stage) +
         "\nendpoint \"ns/web\"\npredicate p0 = \"any:app=a\"\npredicate p1 = \"any:app=b\"\n"
         "ingress enforced default deny\n" +
         std::string(ingress) + "egress open default allow\n" + std::string(egress);
}

constexpr std::string_view kRules =
    "  rule 1: deny precedence 255 from any on tcp/80 by \"a\"\n"
    "  rule 2: allow precedence 1 from p0 on tcp/80-81 by \"a\"\n"
    "  rule 3: allow precedence 1 from p0 on tcp/80-90 by \"b\"\n"
    "  rule 4: allow precedence 1 from p1 on icmp, udp/53 by \"c\"\n";

TEST(PortClasses, AreTheSetsOfPortsThatNoRuleTellsApart) {
  EXPECT_EQ(
      run_on("port-classes", text("ranked", kRules, "")),
      text("classed",
           std::string(kRules) + "  class 0 = any, tcp/0-79, tcp/91-65535, udp/0-52, udp/54-65535\n"
                                 "  class 1 = icmp, udp/53\n"
                                 "  class 2 = tcp/80\n"
                                 "  class 3 = tcp/81\n"
                                 "  class 4 = tcp/82-90\n",
           "  class 0 = any\n"));
}

TEST(VerdictMatrix, NamesTheRulesThatCanDecideAndNoOthers) {
  EXPECT_EQ(run_on("verdict-matrix", run_on("port-classes", text("ranked", kRules, ""))),
            text("decided",
                 std::string(kRules) +
                     "  class 0 = any, tcp/0-79, tcp/91-65535, udp/0-52, udp/54-65535 -> default\n"
                     "  class 1 = icmp, udp/53 -> 4\n"
                     "  class 2 = tcp/80 -> 1\n"
                     "  class 3 = tcp/81 -> 2\n"
                     "  class 4 = tcp/82-90 -> 3\n",
                 "  class 0 = any -> default\n"));
}

TEST(MergeColumns, JoinsClassesThatTheSameRulesDecide) {
  const std::string rules =
      "  rule 1: deny precedence 255 from any on tcp/80-89 by \"a\"\n"
      "  rule 2: allow precedence 1 from p0 on tcp/80 by \"a\"\n"
      "  rule 3: allow precedence 1 from p0 on tcp/85-95 by \"a\"\n";
  std::string at = run_on("verdict-matrix", run_on("port-classes", text("ranked", rules, "")));
  EXPECT_EQ(run_on("merge-columns", at),
            text("compact",
                 rules + "  class 0 = any, tcp/0-79, tcp/96-65535 -> default\n"
                         "  class 1 = tcp/80-89 -> 1\n"
                         "  class 2 = tcp/90-95 -> 3\n",
                 "  class 0 = any -> default\n"));
}

std::string_view form_of(const std::string& ingress, ir::FormOptions wanted = {}) {
  auto policy = parse(text("ranked", ingress, ""));
  Options options;
  options.form = wanted;
  Report report;
  EXPECT_EQ(run(policy, report, options), Outcome::Done);
  EXPECT_EQ(policy.directions[1].form, ir::Form::Constant);
  EXPECT_EQ(ir::make_shape(policy).directions[0].form, *policy.directions[0].form);
  return ir::form_name(*policy.directions[0].form);
}

TEST(ChooseForm, FollowsTheCostModel) {
  const std::string one = "  rule 1: allow precedence 1 from p0 on tcp/80 by \"a\"\n";
  EXPECT_EQ(form_of(""), "constant");
  EXPECT_EQ(form_of("  rule 1: allow precedence 1 from any on any by \"a\"\n"), "constant");
  EXPECT_EQ(form_of("  rule 1: allow precedence 1 from any on tcp by \"a\"\n"), "compares");
  EXPECT_EQ(form_of(one), "compares");
  EXPECT_EQ(form_of(one + "  rule 2: allow precedence 1 from p1 on any by \"a\"\n"), "compares");
  EXPECT_EQ(form_of(one + "  rule 2: allow precedence 1 from p1 on tcp, udp by \"a\"\n"), "table")
      << "three ranges";
  EXPECT_EQ(form_of(one + "  rule 2: allow precedence 1 from p1 on tcp by \"a\"\n"
                          "  rule 3: allow precedence 1 from p1 on any by \"a\"\n"),
            "table")
      << "three rules";
}

TEST(ChooseForm, AFormCanBeAskedForUnlessTheAnswerIsConstant) {
  const std::string one = "  rule 1: allow precedence 1 from p0 on tcp/80 by \"a\"\n";
  EXPECT_EQ(form_of(one, {ir::Form::Table}), "table");
  EXPECT_EQ(form_of(one, {ir::Form::Bitset}), "compares") << "a bit set stands in for a table only";
  const std::string three = one +
                            "  rule 2: allow precedence 1 from p1 on tcp by \"a\"\n"
                            "  rule 3: allow precedence 1 from p1 on any by \"a\"\n";
  EXPECT_EQ(form_of(three, {ir::Form::Bitset}), "bitset");
  EXPECT_EQ(form_of("", {ir::Form::Bitset}), "constant");
}

}  // namespace
}  // namespace policyc::passes
