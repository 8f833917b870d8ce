// Passes that join, order and take out rules and predicates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/passes/ir_text.h"

namespace policyc::passes {
namespace {

using testing::document;
using ::testing::IsEmpty;
using testing::run_on;
using ::testing::SizeIs;

TEST(Merge, UnitesThePortsOfRulesOfOneOriginWithTheSamePeers) {
  EXPECT_EQ(
      run_on("merge",
             document("closed",
                      "  rule 1: allow from p0 on tcp/80 by \"a\" \"x\" at \"f:3\"\n"
                      "  rule 2: allow from p1 on tcp/90 by \"a\" \"x\" at \"f:3\"\n"
                      "  rule 3: allow from p0 on tcp/81, udp/53 by \"a\" \"x\" at \"f:3\"\n")),
      document("closed",
               "  rule 1: allow from p0 on tcp/80-81, udp/53 by \"a\" \"x\" at \"f:3\"\n"
               "  rule 2: allow from p1 on tcp/90 by \"a\" \"x\" at \"f:3\"\n"));
}

TEST(Merge, UnitesThePeersOfRulesOfOneOriginWithTheSamePorts) {
  EXPECT_EQ(run_on("merge", document("closed",
                                     "  rule 1: allow from p0, p2 on tcp/80 by \"a\"\n"
                                     "  rule 2: allow from p1 on tcp/80 by \"a\"\n"
                                     "  rule 3: deny from p1 on tcp/80 by \"b\"\n"
                                     "  rule 4: deny from any on tcp/80 by \"b\"\n")),
            document("closed",
                     "  rule 1: allow from p0, p1, p2 on tcp/80 by \"a\"\n"
                     "  rule 3: deny from any on tcp/80 by \"b\"\n"));
}

TEST(Merge, KeepsApartWhatDiffersInOriginVerdictParserPriorityOrAuthentication) {
  const std::string text =
      document("closed",
               "  rule 1: allow from p0 on tcp/80 by \"a\" at \"f:3\"\n"
               "  rule 2: allow from p0 on tcp/81 by \"a\" at \"f:4\"\n"
               "  rule 3: allow from p0 on tcp/82 by \"b\" at \"f:3\"\n"
               "  rule 4: allow from p0 on tcp/83 by \"a\" \"x\" at \"f:3\"\n"
               "  rule 5: deny from p0 on tcp/84 by \"a\" at \"f:3\"\n"
               "  rule 6: allow authenticated from p0 on tcp/85 by \"a\" at \"f:3\"\n"
               "  rule 7: redirect \"http\" priority 101 from p0 on tcp/86 by \"a\" at \"f:3\"\n"
               "  rule 8: redirect \"http\" priority 7 from p0 on tcp/87 by \"a\" at \"f:3\"\n"
               "  rule 9: redirect \"dns\" priority 101 from p0 on tcp/88 by \"a\" at \"f:3\"\n");
  EXPECT_EQ(run_on("merge", text), text);
}

TEST(Precedence, FollowsVerdictAndPriorityStrongestFirst) {
  EXPECT_EQ(run_on("precedence",
                   document("closed",
                            "  rule 1: allow from p0 on tcp/80 by \"a\"\n"
                            "  rule 2: allow authenticated from p0 on tcp/80 by \"a\"\n"
                            "  rule 3: redirect \"crd\" priority 126 from p0 on tcp/80 by \"a\"\n"
                            "  rule 4: redirect \"http\" priority 101 from p0 on tcp/80 by \"a\"\n"
                            "  rule 5: deny from p0 on tcp/80 by \"a\"\n")),
            document("ranked",
                     "  rule 5: deny precedence 255 from p0 on tcp/80 by \"a\"\n"
                     "  rule 4: redirect \"http\" precedence 154 from p0 on tcp/80 by \"a\"\n"
                     "  rule 3: redirect \"crd\" precedence 129 from p0 on tcp/80 by \"a\"\n"
                     "  rule 2: allow authenticated precedence 2 from p0 on tcp/80 by \"a\"\n"
                     "  rule 1: allow precedence 1 from p0 on tcp/80 by \"a\"\n"));
}

TEST(Precedence, TiesGoToNarrowPortsThenNamedPeersThenTheEarlierRule) {
  EXPECT_EQ(
      run_on("precedence", document("closed",
                                    "  rule 1: allow from any on any by \"a\"\n"
                                    "  rule 2: allow from any on tcp by \"a\"\n"
                                    "  rule 3: allow from any on tcp/80 by \"a\"\n"
                                    "  rule 4: allow from p0 on tcp/80 by \"a\"\n"
                                    "  rule 5: allow from p1 on tcp/80 by \"a\"\n"
                                    "  rule 6: allow from p0 on tcp/22, tcp/80-81 by \"a\"\n")),
      document("ranked",
               "  rule 4: allow precedence 1 from p0 on tcp/80 by \"a\"\n"
               "  rule 5: allow precedence 1 from p1 on tcp/80 by \"a\"\n"
               "  rule 3: allow precedence 1 from any on tcp/80 by \"a\"\n"
               "  rule 6: allow precedence 1 from p0 on tcp/22, tcp/80-81 by \"a\"\n"
               "  rule 2: allow precedence 1 from any on tcp by \"a\"\n"
               "  rule 1: allow precedence 1 from any on any by \"a\"\n"));
}

TEST(RemoveDead, TakesOutRulesWithoutPeerOrPort) {
  Report report;
  EXPECT_EQ(run_on("remove-dead",
                   document("ranked",
                            "  rule 1: allow precedence 1 from p0 on nothing by \"a\"\n"
                            "  rule 2: allow precedence 1 from nobody on tcp/80 by \"a\"\n"
                            "  rule 3: allow precedence 1 from p0 on any by \"a\"\n"),
                   &report),
            document("ranked", "  rule 3: allow precedence 1 from p0 on any by \"a\"\n"));
  ASSERT_THAT(report.removed, SizeIs(2));
  EXPECT_EQ(report.removed[0].rule.id, 1U);
  EXPECT_EQ(report.removed[0].reason, "it names no port");
  EXPECT_EQ(report.removed[1].reason, "it names no peer");
}

TEST(RemoveDead, TakesOutWhatStrongerRulesCover) {
  Report report;
  EXPECT_EQ(run_on("remove-dead",
                   document("ranked",
                            "  rule 1: deny precedence 255 from any on tcp/0-100 by \"a\"\n"
                            "  rule 2: allow precedence 1 from p0 on tcp/80 by \"b\" at \"f:9\"\n"
                            "  rule 3: allow precedence 1 from p0 on tcp/100-101 by \"c\"\n"),
                   &report),
            document("ranked",
                     "  rule 1: deny precedence 255 from any on tcp/0-100 by \"a\"\n"
                     "  rule 3: allow precedence 1 from p0 on tcp/100-101 by \"c\"\n"));
  ASSERT_THAT(report.removed, SizeIs(1));
  EXPECT_EQ(report.removed[0].rule.id, 2U);
  EXPECT_EQ(report.removed[0].rule.origin.place(), "f:9");
  EXPECT_EQ(report.removed[0].covered_by, 1U);
}

TEST(RemoveDead, TakesOutDuplicatesWithFewerPeersAndPorts) {
  Report report;
  EXPECT_EQ(run_on("remove-dead",
                   document("ranked",
                            "  rule 2: allow precedence 1 from p0, p1 on tcp/80 by \"a\"\n"
                            "  rule 5: allow precedence 1 from p1 on tcp/80 by \"b\"\n"
                            "  rule 6: allow precedence 1 from p1, p2 on tcp/80 by \"c\"\n"),
                   &report),
            document("ranked",
                     "  rule 2: allow precedence 1 from p0, p1 on tcp/80 by \"a\"\n"
                     "  rule 6: allow precedence 1 from p1, p2 on tcp/80 by \"c\"\n"));
  ASSERT_THAT(report.removed, SizeIs(1));
  EXPECT_EQ(report.removed[0].covered_by, 2U);
}

TEST(RemoveDead, SeveralStrongerRulesTogetherCoverToo) {
  EXPECT_EQ(run_on("remove-dead",
                   document("ranked",
                            "  rule 1: deny precedence 255 from p0 on tcp/80 by \"a\"\n"
                            "  rule 2: deny precedence 255 from p1 on tcp/80 by \"a\"\n"
                            "  rule 3: allow precedence 1 from p0, p1 on tcp/80 by \"b\"\n")),
            document("ranked",
                     "  rule 1: deny precedence 255 from p0 on tcp/80 by \"a\"\n"
                     "  rule 2: deny precedence 255 from p1 on tcp/80 by \"a\"\n"));
}

TEST(RemoveDead, ARuleForSomePeersShadowsNoOthers) {
  Report report;
  const std::string text = document("ranked",
                                    "  rule 1: deny precedence 255 from p0 on tcp/0-100 by \"a\"\n"
                                    "  rule 2: allow precedence 1 from any on tcp/80 by \"b\"\n");
  EXPECT_EQ(run_on("remove-dead", text, &report), text);
  EXPECT_THAT(report.removed, IsEmpty());
}

TEST(RemoveDead, EqualLongPeerListsCoverEachOther) {
  std::string tables;
  std::string peers;
  for (int i = 0; i < 40; ++i) {
    tables += "predicate p" + std::to_string(i) + " = \"any:app=" + std::to_string(i) + "\"\n";
    peers += (i == 0 ? "p" : ", p") + std::to_string(i);
  }
  const std::string first = "  rule 1: deny precedence 255 from " + peers + " on tcp by \"a\"\n";
  const auto text = [&](const std::string& rules) {
    return document("ranked", rules, "ingress enforced default deny", tables);
  };
  EXPECT_EQ(run_on("remove-dead", text(first + "  rule 2: allow precedence 1 from " + peers +
                                       " on tcp/80 by \"b\"\n")),
            text(first));
}

TEST(MergeRows, JoinsPredicatesThatStandInTheSameRules) {
  EXPECT_EQ(run_on("merge-rows",
                   document("ranked",
                            "  rule 1: deny precedence 255 from p0, p2 on tcp/80 by \"a\"\n"
                            "  rule 2: allow precedence 1 from p0, p1, p2 on tcp by \"b\"\n")),
            document("ranked",
                     "  rule 1: deny precedence 255 from p0 on tcp/80 by \"a\"\n"
                     "  rule 2: allow precedence 1 from p0, p1 on tcp by \"b\"\n",
                     "ingress enforced default deny",
                     "predicate p0 = \"any:app=a\" | \"any:app=c\"\n"
                     "predicate p1 = \"any:app=b\"\n"
                     "predicate p2 = \"any:app=d\"\n"));
}

TEST(MergeRows, DropsPeersThatStrongerRulesCoverOnAllPorts) {
  EXPECT_EQ(run_on("merge-rows",
                   document("ranked",
                            "  rule 1: deny precedence 255 from p0 on tcp/0-100 by \"a\"\n"
                            "  rule 2: allow precedence 1 from p0, p1 on tcp/80 by \"b\"\n"
                            "  rule 3: allow precedence 1 from p0, p3 on tcp/100-101 by \"c\"\n")),
            document("ranked",
                     "  rule 1: deny precedence 255 from p0 on tcp/0-100 by \"a\"\n"
                     "  rule 2: allow precedence 1 from p1 on tcp/80 by \"b\"\n"
                     "  rule 3: allow precedence 1 from p0, p3 on tcp/100-101 by \"c\"\n"));
}

TEST(PeerPredicates, RulesThatAgreeShareOnePredicate) {
  const std::string tables =
      "predicate p0 = \"any:app=a\"\npredicate p1 = \"any:app=b\"\n"
      "predicate p2 = \"any:app=c\" | \"any:app=a\"\npredicate p3 = \"any:app=c\"\n";
  const auto text = [&](const std::string& rules, const std::string& added = {}) {
    return document("ranked", rules, "ingress enforced default deny", tables + added);
  };
  EXPECT_EQ(run_on("peer-predicates",
                   text("  rule 1: allow precedence 1 from p0, p1 on tcp/80 by \"a\"\n"
                        "  rule 2: allow precedence 1 from p0, p3 on tcp/81 by \"a\"\n"
                        "  rule 3: allow precedence 1 from p1 on tcp/82 by \"a\"\n"
                        "  rule 4: allow precedence 1 from p0, p1 on tcp/83 by \"a\"\n")),
            text("  rule 1: allow precedence 1 from p4 on tcp/80 by \"a\"\n"
                 "  rule 2: allow precedence 1 from p2 on tcp/81 by \"a\"\n"
                 "  rule 3: allow precedence 1 from p1 on tcp/82 by \"a\"\n"
                 "  rule 4: allow precedence 1 from p4 on tcp/83 by \"a\"\n",
                 "predicate p4 = \"any:app=a\" | \"any:app=b\"\n"));
}

TEST(PrunePredicates, ForgetsWhatNoRuleAsks) {
  EXPECT_EQ(
      run_on("prune-predicates",
             document("ranked", "  rule 1: allow precedence 1 from p1, p3 on any by \"a\"\n")),
      document("ranked", "  rule 1: allow precedence 1 from p0, p1 on any by \"a\"\n",
               "ingress enforced default deny",
               "predicate p0 = \"any:app=b\"\npredicate p1 = \"any:app=d\"\n"));
}

}  // namespace
}  // namespace policyc::passes
