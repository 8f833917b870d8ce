// From what the builder writes to intervals of ports and predicates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/passes/ir_text.h"

namespace policyc::passes {
namespace {

using testing::document;
using testing::run_on;
using ::testing::SizeIs;

TEST(Normalise, PutsRulesPeersAndPortsInOrder) {
  EXPECT_EQ(run_on("normalise",
                   document("built",
                            "  rule 2: deny from p3, p1, p3 on tcp/90, tcp/80, tcp/90 by \"b\"\n"
                            "  rule 1: allow from p0 on any/* by \"a\"\n")),
            document("normalised",
                     "  rule 1: allow from p0 on any/* by \"a\"\n"
                     "  rule 2: deny from p1, p3 on tcp/80, tcp/90 by \"b\"\n"));
}

TEST(Normalise, DropsARuleThatStandsTwiceButNotOneOfAnotherOrigin) {
  EXPECT_EQ(
      run_on("normalise", document("built",
                                   "  rule 1: allow from p0, p1 on tcp/80 by \"a\" at \"f:3\"\n"
                                   "  rule 2: allow from p0 on tcp/80 by \"a\" at \"f:3\"\n"
                                   "  rule 3: allow from p1, p0 on tcp/80 by \"a\" at \"f:3\"\n"
                                   "  rule 4: allow from p0, p1 on tcp/80 by \"a\" at \"f:4\"\n")),
      document("normalised",
               "  rule 1: allow from p0, p1 on tcp/80 by \"a\" at \"f:3\"\n"
               "  rule 2: allow from p0 on tcp/80 by \"a\" at \"f:3\"\n"
               "  rule 4: allow from p0, p1 on tcp/80 by \"a\" at \"f:4\"\n"));
}

TEST(ExpandEntities, MakesPredicatesAndSharesThoseThatExist) {
  const std::string predicate = "predicate p0 = \"reserved:host\"\n";
  const std::string added = "predicate p1 = \"reserved:world-ipv4\" | \"reserved:world-ipv6\"\n";
  EXPECT_EQ(
      run_on("expand-entities",
             document("normalised",
                      "  rule 1: allow from entity \"host\", entity \"world\" on any/* by \"a\"\n"
                      "  rule 2: allow from p0, entity \"world\" on any/* by \"b\"\n",
                      "ingress enforced default deny",
                      "entity \"host\" = \"reserved:host\"\n"
                      "entity \"world\" = \"reserved:world-ipv4\" | \"reserved:world-ipv6\"\n" +
                          predicate)),
      document("selected",
               "  rule 1: allow from p0, p1 on any/* by \"a\"\n"
               "  rule 2: allow from p0, p1 on any/* by \"b\"\n",
               "ingress enforced default deny", predicate + added));
}

TEST(ExpandEntities, TheEntityOfEverybodyIsEveryPeerAndThatOfNobodyNone) {
  EXPECT_EQ(run_on("expand-entities",
                   document("normalised",
                            "  rule 1: allow from p0, entity \"all\" on any/* by \"a\"\n"
                            "  rule 2: allow from entity \"none\" on any/* by \"b\"\n",
                            "ingress enforced default deny",
                            "entity \"all\" = \"*\"\nentity \"none\" = nobody\n"
                            "predicate p0 = \"any:app=a\"\n")),
            document("selected",
                     "  rule 1: allow from any on any/* by \"a\"\n"
                     "  rule 2: allow from nobody on any/* by \"b\"\n",
                     "ingress enforced default deny", "predicate p0 = \"any:app=a\"\n"));
}

TEST(ExpandNamedPorts, ANameWithOneNumberIsThatNumber) {
  EXPECT_EQ(
      run_on(
          "expand-named-ports",
          document(
              "selected",
              "  named-port tcp \"http\" = 8080\n"
              "  rule 1: allow from p0 on tcp/\"http\", tcp/\"http\"-9000, tcp/8080 by \"a\"\n")),
      document("numbered", "  rule 1: allow from p0 on tcp/8080, tcp/8080-9000 by \"a\"\n"));
}

TEST(ExpandNamedPorts, ANameWithNoneOrTwoIsLostAndReported) {
  Report report;
  EXPECT_EQ(run_on("expand-named-ports",
                   document("selected",
                            "  named-port tcp \"web\" = 80\n"
                            "  named-port tcp \"web\" = 81\n"
                            "  named-port udp \"dns\" = 53\n"
                            "  rule 1: allow from p0 on tcp/\"web\", tcp/22 by \"a\" at \"f:3\"\n"
                            "  rule 2: deny from p0 on tcp/\"dns\" by \"b\"\n"),
                   &report),
            document("numbered",
                     "  rule 1: allow from p0 on tcp/22 by \"a\" at \"f:3\"\n"
                     "  rule 2: deny from p0 on nothing by \"b\"\n"));
  ASSERT_THAT(report.lost_ports, SizeIs(2));
  EXPECT_EQ(report.lost_ports[0].name, "tcp/web");
  EXPECT_EQ(report.lost_ports[0].rule, 1U);
  EXPECT_EQ(report.lost_ports[0].origin.place(), "f:3");
  EXPECT_EQ(report.lost_ports[1].name, "tcp/dns");
}

TEST(ExpandRanges, JoinsWhatTouchesOrOverlapsWithinAProtocol) {
  EXPECT_EQ(run_on("expand-ranges",
                   document("numbered",
                            "  rule 1: allow from p0 on tcp/80-84, tcp/82, tcp/85, tcp/87, "
                            "tcp/90-95, udp/86 by \"a\"\n")),
            document("ranged",
                     "  rule 1: allow from p0 on tcp/80-85, tcp/87, tcp/90-95, udp/86 by \"a\"\n"));
}

TEST(ExpandRanges, PortZeroIsEveryPortAndAnEndBelowThePortIsNone) {
  EXPECT_EQ(run_on("expand-ranges", document("numbered",
                                             "  rule 1: allow from p0 on any/* by \"a\"\n"
                                             "  rule 2: allow from p0 on tcp/* by \"a\"\n"
                                             "  rule 3: allow from p0 on tcp/90-80 by \"a\"\n"
                                             "  rule 4: allow from p0 on tcp/0-10 by \"a\"\n"
                                             "  rule 5: allow from p0 on icmp/8 by \"a\"\n")),
            document("ranged",
                     "  rule 1: allow from p0 on any by \"a\"\n"
                     "  rule 2: allow from p0 on tcp by \"a\"\n"
                     "  rule 3: allow from p0 on tcp/90 by \"a\"\n"
                     "  rule 4: allow from p0 on tcp/0-10 by \"a\"\n"
                     "  rule 5: allow from p0 on icmp/8 by \"a\"\n"));
}

TEST(ExpandRanges, TheLastPortDoesNotWrap) {
  EXPECT_EQ(
      run_on("expand-ranges",
             document("numbered",
                      "  rule 1: allow from p0 on tcp/1, tcp/65000-65535, tcp/65535 by \"a\"\n")),
      document("ranged", "  rule 1: allow from p0 on tcp/1, tcp/65000-65535 by \"a\"\n"));
}

TEST(DefaultDeny, MakesARuleOfTheDefaultWhereItIsToAllow) {
  const std::string rule = "  rule 4: allow from p0 on tcp/80 by \"a\"\n";
  EXPECT_EQ(run_on("default-deny", document("ranged", rule, "ingress enforced default allow")),
            document("closed",
                     rule + "  rule 5: allow from any on any by \"no policy sets default deny\"\n",
                     "ingress enforced default allow"));
  EXPECT_EQ(run_on("default-deny", document("ranged", rule)), document("closed", rule));
  EXPECT_EQ(run_on("default-deny", document("ranged", "", "ingress open default allow")),
            document("closed", "", "ingress open default allow"));
}

}  // namespace
}  // namespace policyc::passes
