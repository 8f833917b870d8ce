// What PL0001 to PL0003 call redundant can be taken away: the compiled matrices of every kind of
// pod, with the rule and without it, answer alike for every peer and port that some rule can tell
// apart.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "compiler/ir/builder.h"
#include "compiler/ir/shape.h"
#include "compiler/lint/subject.h"
#include "compiler/passes/pass.h"
#include "runtime/abi/policy.h"
#include "tests/unit/lint/lint_case.h"

namespace policyc::lint {
namespace {

// Small random policies over few labels and ports, so that rules cover each other often.
class Generator {
 public:
  explicit Generator(std::uint32_t seed) : state_(seed) {}

  std::string policies(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) {
      text += "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p" +
              std::to_string(i) + ", namespace: a}\nspec:\n  endpointSelector: " + subject() + "\n";
      for (const char* section : {"ingress", "ingressDeny"}) {
        const bool deny = std::string(section) == "ingressDeny";
        if (deny && pick(2) == 0) continue;
        text += std::string("  ") + section + ":\n";
        const int items = 1 + pick(4);
        for (int item = 0; item < items; ++item) text += "  - " + peer() + "\n" + ports();
      }
    }
    return text;
  }

 private:
  int pick(int below) {
    state_ = state_ * 1664525U + 1013904223U;
    return static_cast<int>((state_ >> 16U) % static_cast<unsigned>(below));
  }
  std::string subject() {
    static const char* const kSubjects[] = {"{}", "{matchLabels: {app: x}}",
                                            "{matchLabels: {app: x, tier: t}}"};
    return kSubjects[pick(3)];
  }
  std::string peer() {
    static const char* const kPeers[] = {
        "fromEndpoints: [{}]",
        "fromEndpoints: [{matchLabels: {app: y}}]",
        "fromEndpoints: [{matchLabels: {app: y, tier: t}}, {matchLabels: {app: z}}]",
        "fromEndpoints: [{matchExpressions: [{key: app, operator: In, values: [y, z]}]}]",
        "fromEntities: [cluster]",
        "fromEntities: [world]",
        "fromCIDR: [10.0.0.0/8]"};
    return kPeers[pick(7)];
  }
  std::string ports() {
    static const char* const kPorts[] = {
        "", "{port: \"80\", protocol: TCP}", "{port: \"70\", endPort: 90, protocol: TCP}",
        "{port: \"80\"}", "{port: \"80\", protocol: TCP}, {port: \"81\", protocol: TCP}"};
    const std::string ports = kPorts[pick(5)];
    return ports.empty() ? "" : "    toPorts: [{ports: [" + ports + "]}]\n";
  }

  std::uint32_t state_;
};

std::vector<policy::LabelSet> peers() {
  std::vector<policy::LabelSet> sets;
  for (const char* app : {"x", "y", "z", "w"}) {
    for (const char* tier : {"", "t"}) {
      policy::StringMap labels{{"app", app}};
      if (*tier != 0) labels["tier"] = tier;
      for (const char* name_space : {"a", "b"})
        sets.push_back(
            policy::pod_identity_labels(labels, {}, name_space, "default", "default", {}));
    }
  }
  for (const char* entity : {"host", "remote-node", "world-ipv4", "world-ipv6", "health"}) {
    policy::LabelSet set;
    set.add({"reserved", entity, ""});
    sets.push_back(set);
  }
  policy::LabelSet cidr;
  cidr.add({"reserved", "world-ipv4", ""});
  cidr.add(policy::cidr_label(*parse_ip_prefix("10.0.0.0/8")));
  sets.push_back(cidr);
  return sets;
}

// The shape of one pod under the entries given.
ir::Shape shape_of(const testing::LintCase& run, const std::vector<const policy::Entry*>& entries,
                   const policy::LabelSet& labels) {
  ir::Subject subject;
  subject.labels = &labels;
  subject.namespace_ = "a";
  const std::vector<policy::NamedPort> none;
  subject.ports = &none;
  diag::Engine diagnostics;
  const ir::BuildInput input{run.resolved(), run.read().cluster, true, run.sources(), &entries};
  auto policy = ir::build(input, subject, {run.agent, false}, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors());
  passes::Report report;
  EXPECT_EQ(passes::run(policy, report), passes::Outcome::Done);
  return ir::make_shape(policy);
}

// The verdict without the rule that made it.
std::uint32_t verdict(std::uint32_t decision) { return POLICYC_DECISION_VERDICT(decision); }

void expect_same(const testing::LintCase& run, const std::vector<const policy::Entry*>& with,
                 const std::vector<const policy::Entry*>& without, const std::string& what) {
  for (const policy::LabelSet& subject : peers()) {
    const auto* name_space = subject.find_key(policy::kPodNamespaceKey);
    if (name_space == nullptr || name_space->value != "a") continue;
    const ir::Shape before = shape_of(run, with, subject);
    const ir::Shape after = shape_of(run, without, subject);
    for (const policy::LabelSet& peer : peers()) {
      for (const std::uint8_t protocol : std::initializer_list<std::uint8_t>{6, 17, 132, 1}) {
        for (const std::uint16_t port :
             std::initializer_list<std::uint16_t>{0, 69, 70, 80, 81, 85, 90, 91, 65535}) {
          ASSERT_EQ(verdict(before.decide(0, peer, protocol, port)),
                    verdict(after.decide(0, peer, protocol, port)))
              << what << "\nsubject " << subject.to_string() << "\npeer " << peer.to_string()
              << "\nprotocol " << int{protocol} << " port " << port;
        }
      }
    }
  }
}

TEST(Redundant, RulesCanBeTakenAwayTogether) {
  std::size_t redundant_rules = 0;
  std::set<Redundant::Kind> kinds;
  for (std::uint32_t seed = 1; seed <= 80; ++seed) {
    testing::LintCase run;
    const std::string text = Generator(seed).policies(4);
    run.add("random.yaml", text);
    run.run();
    std::set<std::size_t> redundant;
    const auto& entries = run.resolved().entries;
    std::vector<manifest::Document> no_documents;
    const Inputs inputs{run.sources(), no_documents, run.read(), run.resolved(),
                        run.agent,     run.facts,    false};
    const Model model(inputs);
    for_each_subject(model, 1, [&](const SubjectView& view, unsigned) {
      for (const Redundant& one : view.redundant) {
        redundant.insert(one.entry);
        kinds.insert(one.kind);
      }
    });
    redundant_rules += redundant.size();
    if (redundant.empty()) continue;
    std::vector<const policy::Entry*> with;
    std::vector<const policy::Entry*> without;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      with.push_back(&entries[i]);
      if (!redundant.contains(i)) without.push_back(&entries[i]);
    }
    ASSERT_NO_FATAL_FAILURE(
        expect_same(run, with, without, "seed " + std::to_string(seed) + "\n" + text));
  }
  // Else nothing was tested.
  EXPECT_GT(redundant_rules, 40U) << redundant_rules;
  EXPECT_EQ(kinds.size(), 3U);
}

TEST(Ports, AreCoveredTogether) {
  using matrix::PortRange;
  EXPECT_TRUE(covers_ports({6, 80, 90}, {{6, 80, 85}, {6, 86, 100}}));
  EXPECT_TRUE(covers_ports({6, 80, 90}, {{6, 84, 100}, {0, 0, 0xffff}}));
  EXPECT_FALSE(covers_ports({6, 80, 90}, {{6, 80, 85}, {6, 87, 100}}));
  EXPECT_FALSE(covers_ports({6, 80, 90}, {{17, 0, 0xffff}}));
  EXPECT_FALSE(covers_ports({0, 0, 0xffff}, {{6, 0, 0xffff}, {17, 0, 0xffff}}));
  EXPECT_TRUE(covers_ports({6, 0, 0xffff}, {{6, 0, 0xffff}}));
}

}  // namespace
}  // namespace policyc::lint
