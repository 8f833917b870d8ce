// What of a table is kube-proxy's, and the script that removes it.

#include "loader/kubeproxy/removal.h"

#include <random>
#include <sstream>

#include <gmock/gmock.h>

#include "loader/kubeproxy/names.h"
namespace policyc::kubeproxy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

Table table_of(const std::string& text) {
  auto rules = parse_saved_rules(text);
  if (!rules || rules->tables.size() != 1) throw std::runtime_error("not one table: " + text);
  return rules->tables.front();
}

std::vector<std::string> texts(const std::vector<Rule>& rules) {
  std::vector<std::string> result;
  for (const Rule& rule : rules) result.push_back(rule.chain + " " + rule.text);
  return result;
}

constexpr const char* kNat = R"(*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:KUBE-KUBELET-CANARY - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-ROUTER-X - [0:0]
:KUBE-SEP-BBBBBBBBBBBBBBBB - [0:0]
:KUBE-SEP-CCCCCCCCCCCCCCCC - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]
-A PREROUTING -j DOCKER
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -g KUBE-SERVICES
-A DOCKER -d 10.1.1.1/32 -j DNAT --to-destination 10.2.2.2
-A KUBE-SERVICES -d 10.96.0.1/32 -j KUBE-SVC-AAAAAAAAAAAAAAAA
-A KUBE-SVC-AAAAAAAAAAAAAAAA -m statistic --mode random --probability 0.5 -j KUBE-SEP-BBBBBBBBBBBBBBBB
-A KUBE-SVC-AAAAAAAAAAAAAAAA -j KUBE-SEP-CCCCCCCCCCCCCCCC
-A KUBE-SEP-BBBBBBBBBBBBBBBB -s 10.0.0.1/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-BBBBBBBBBBBBBBBB -j DNAT --to-destination 10.0.0.1:80
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
)";

TEST(Leftovers, ChainsRulesAndJumps) {
  const auto found = leftovers_of(table_of(std::string(kNat) + "COMMIT\n"));
  EXPECT_EQ(found.table, "nat");
  EXPECT_THAT(found.kinds(), ElementsAre(Pair("KUBE-MARK-MASQ", 1U), Pair("KUBE-SEP-*", 2U),
                                         Pair("KUBE-SERVICES", 1U), Pair("KUBE-SVC-*", 1U)));
  EXPECT_EQ(found.rules, 6U);
  EXPECT_THAT(texts(found.jumps),
              ElementsAre("PREROUTING -m comment --comment \"kubernetes service portals\" -j "
                          "KUBE-SERVICES",
                          "OUTPUT -g KUBE-SERVICES"));
  EXPECT_THAT(found.used_by_others, IsEmpty());
  EXPECT_THAT(found.kubelets, ElementsAre("KUBE-KUBELET-CANARY"));
  EXPECT_THAT(found.unknown, ElementsAre("KUBE-ROUTER-X"));
}

TEST(Removal, OneScriptOfKubeProxysChainsAndTheJumpsIntoThem) {
  const Table table = table_of(std::string(kNat) + "COMMIT\n");
  const Removal removal = plan_removal(table, leftovers_of(table));
  EXPECT_EQ(removal.script, R"(*nat
:KUBE-MARK-MASQ - [0:0]
:KUBE-SEP-BBBBBBBBBBBBBBBB - [0:0]
:KUBE-SEP-CCCCCCCCCCCCCCCC - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]
-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-D OUTPUT -g KUBE-SERVICES
-X KUBE-MARK-MASQ
-X KUBE-SEP-BBBBBBBBBBBBBBBB
-X KUBE-SEP-CCCCCCCCCCCCCCCC
-X KUBE-SERVICES
-X KUBE-SVC-AAAAAAAAAAAAAAAA
COMMIT
)");
  EXPECT_THAT(removal.kept, IsEmpty());
  EXPECT_EQ(removal.chains.size(), 5U);
  EXPECT_EQ(removal.jumps.size(), 2U);
}

// A chain that another's rule leads into cannot go, and neither can what that chain leads to.
TEST(Removal, KeepsWhatOthersNeed) {
  const Table table =
      table_of(std::string(kNat) + "-A DOCKER -j KUBE-SEP-BBBBBBBBBBBBBBBB\nCOMMIT\n");
  const auto found = leftovers_of(table);
  EXPECT_THAT(texts(found.used_by_others), ElementsAre("DOCKER -j KUBE-SEP-BBBBBBBBBBBBBBBB"));
  const Removal removal = plan_removal(table, found);
  EXPECT_THAT(removal.kept, ElementsAre("KUBE-MARK-MASQ", "KUBE-SEP-BBBBBBBBBBBBBBBB"));
  EXPECT_THAT(removal.script, Not(HasSubstr("KUBE-MARK-MASQ")));
  EXPECT_THAT(removal.script, Not(HasSubstr("KUBE-SEP-BBBBBBBBBBBBBBBB")));
  EXPECT_THAT(removal.script, HasSubstr("-X KUBE-SEP-CCCCCCCCCCCCCCCC\n"));
  EXPECT_THAT(removal.script, HasSubstr("-D OUTPUT -g KUBE-SERVICES\n"));
}

TEST(Removal, NothingToDoIsNoScript) {
  const Table table = table_of(
      "*filter\n:INPUT ACCEPT [0:0]\n:KUBE-FIREWALL - [0:0]\n-A INPUT -j KUBE-FIREWALL\nCOMMIT\n");
  const auto found = leftovers_of(table);
  EXPECT_THAT(found.chains, IsEmpty());
  EXPECT_THAT(found.jumps, IsEmpty());
  EXPECT_EQ(plan_removal(table, found).script, "");
}

// Whatever damage a text of rules has: it is refused, or the script names chains of kube-proxy
// alone and deletes no rule but what leads into one.
TEST(Removal, DamagedRulesNeverTouchOthers) {
  std::mt19937 dice(1);
  const auto below = [&](std::size_t most) { return dice() % most; };
  std::size_t scripts = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = std::string(kNat) + "-A DOCKER -j KUBE-MARK-MASQ\nCOMMIT\n";
    for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
      const std::size_t from = below(text.size()), length = below(40);
      const std::string piece = text.substr(from, length);
      switch (below(3)) {
        case 0:
          text.erase(from, length);
          break;
        case 1:
          text.insert(below(text.size()), piece);
          break;
        default:
          text[from] = "\"\\ -:*\nKX"[below(9)];
      }
    }
    const auto rules = parse_saved_rules(text);
    if (!rules) continue;
    for (const Table& table : rules->tables) {
      const Removal removal = plan_removal(table, leftovers_of(table));
      scripts += removal.script.empty() ? 0U : 1U;
      for (const std::string& chain : removal.chains)
        ASSERT_EQ(owner_of_chain(table.name, chain), Owner::KubeProxy) << text;
      for (const Rule& jump : removal.jumps) {
        ASSERT_EQ(owner_of_chain(table.name, jump.target), Owner::KubeProxy) << text;
        ASSERT_NE(jump.text.find(jump.target), std::string::npos) << text;
      }
      std::istringstream lines(removal.script);
      std::size_t count = 0;
      for (std::string line; std::getline(lines, line);) ++count;
      ASSERT_EQ(count,
                removal.script.empty() ? 0 : 2 + 2 * removal.chains.size() + removal.jumps.size())
          << text;
    }
  }
  EXPECT_GT(scripts, 1000U) << "the damage leaves too little to look at";
}

}  // namespace
}  // namespace policyc::kubeproxy
