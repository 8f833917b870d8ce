#include "compiler/ir/builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ir/sample.h"

namespace policyc::ir {
namespace {

using policy::Direction;
using policy::Protocol;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kTcp;
using testing::kUdp;
using testing::label;
using testing::named;
using testing::port;
using ::testing::SizeIs;
using testing::World;

constexpr std::size_t kIn = 0;
constexpr std::size_t kOut = 1;

// The rules that did not come from an agent option.
std::vector<Rule> written(const DirectionPolicy& direction) {
  std::vector<Rule> rules;
  for (const Rule& rule : direction.rules) {
    if (!rule.origin.file.empty()) rules.push_back(rule);
  }
  return rules;
}

TEST(Builder, ADirectionWithoutEntriesIsNotEnforced) {
  World world;
  world.add(Direction::Ingress, false, {label("app", "a")}, {});
  const auto policy = world.build();
  EXPECT_TRUE(policy.directions[kIn].enforced);
  EXPECT_FALSE(policy.directions[kOut].enforced);
  EXPECT_THAT(policy.directions[kOut].rules, IsEmpty());
}

TEST(Builder, EntriesOfOtherSubjectsAndNamespacesDoNotApply) {
  World world;
  world.add(Direction::Ingress, false, {label("app", "a")}, {}).subject = label("app", "db");
  world.add(Direction::Ingress, false, {label("app", "a")}, {}).policy_namespace = "other";
  world.add(Direction::Ingress, false, {label("app", "a")}, {}).subject_is_node = true;
  EXPECT_FALSE(world.build().directions[kIn].enforced);
  world.add(Direction::Ingress, false, {label("app", "a")}, {}).policy_namespace = "";
  EXPECT_TRUE(world.build().directions[kIn].enforced);
}

TEST(Builder, DefaultDenyIsTheUnionOfTheEntries) {
  World world;
  world.add(Direction::Ingress, false, {label("app", "a")}, {}).default_deny = false;
  auto policy = world.build();
  EXPECT_TRUE(policy.directions[kIn].enforced);
  EXPECT_FALSE(policy.directions[kIn].default_deny);
  EXPECT_THAT(policy.directions[kIn].default_deny_origins, IsEmpty());
  world.add(Direction::Ingress, false, {label("app", "b")}, {});
  policy = world.build();
  EXPECT_TRUE(policy.directions[kIn].default_deny);
  ASSERT_THAT(policy.directions[kIn].default_deny_origins, SizeIs(1));
  EXPECT_EQ(policy.directions[kIn].default_deny_origins[0].object, "CiliumNetworkPolicy/ns/web");
  EXPECT_EQ(policy.directions[kIn].default_deny_origins[0].place(), "policy.yaml:12");
}

TEST(Builder, WithoutDefaultDenyEverythingElseIsAllowedLast) {
  World world;
  world.add(Direction::Egress, true, {label("app", "a")}, {}).default_deny = false;
  const auto shape = make_shape(world.build());
  EXPECT_EQ(shape.decide(kOut, testing::labels({{"app", "a"}}), kTcp, 80) & 0xffU,
            std::uint32_t{2});
  EXPECT_EQ(shape.decide(kOut, testing::labels({{"app", "b"}}), kTcp, 80) & 0xffU,
            std::uint32_t{1});
}

TEST(Builder, ModeNeverEnforcesNothing) {
  World world;
  world.options.agent.enforcement = policy::Enforcement::Never;
  world.add(Direction::Ingress, true, {label("app", "a")}, {});
  EXPECT_FALSE(world.build().directions[kIn].enforced);
}

TEST(Builder, ModeAlwaysDeniesWithoutAnyPolicy) {
  World world;
  world.options.agent.enforcement = policy::Enforcement::Always;
  const auto policy = world.build();
  for (const auto& direction : policy.directions) {
    EXPECT_TRUE(direction.enforced);
    EXPECT_TRUE(direction.default_deny);
    EXPECT_THAT(written(direction), IsEmpty());
  }
  EXPECT_EQ(make_shape(policy).decide(kOut, testing::labels({{"app", "a"}}), kTcp, 80), 0U);
}

TEST(Builder, ALabelWithTheKeyInitDeniesByDefault) {
  World world;
  world.subject_labels = testing::reserved("init");
  EXPECT_TRUE(world.build().directions[kOut].default_deny);
}

TEST(Builder, ALabelWithTheKeyHostNeedsTheHostFirewall) {
  World world;
  world.subject_labels = testing::labels({{"app", "web"}, {"host", "x"}});
  world.add(Direction::Ingress, false, {label("app", "a")}, {});
  EXPECT_FALSE(world.build().directions[kIn].enforced);
  world.options.agent.host_firewall = true;
  EXPECT_TRUE(world.build().directions[kIn].enforced);
}

TEST(Builder, NodesAreSubjectsOfNodeEntriesOnly) {
  World world;
  world.options.agent.host_firewall = true;
  auto& entry = world.add(Direction::Ingress, false, {label("app", "a")}, {});
  entry.subject_is_node = true;
  entry.policy_namespace = "";
  Subject subject;
  subject.name = "node";
  subject.selector = &entry.subject;
  subject.kind = policy::EndpointKind::Host;
  EXPECT_TRUE(world.build(subject).directions[kIn].enforced);
  EXPECT_FALSE(world.build().directions[kIn].enforced);
  world.options.agent.host_firewall = false;
  EXPECT_FALSE(world.build(subject).directions[kIn].enforced) << "without the host firewall";
}

TEST(Builder, TheLocalHostIsAllowedOnIngressUnlessDenied) {
  World world;
  world.add(Direction::Ingress, false, {label("app", "a")}, {});
  world.add(Direction::Egress, false, {label("app", "a")}, {});
  auto shape = make_shape(world.build());
  EXPECT_EQ(shape.decide(kIn, testing::reserved("host"), kTcp, 10250) & 0xffU, 1U);
  EXPECT_EQ(shape.decide(kIn, testing::reserved("remote-node"), kTcp, 10250), 0U);
  EXPECT_EQ(shape.decide(kOut, testing::reserved("host"), kTcp, 10250), 0U);
  world.options.agent.allow_localhost = false;
  EXPECT_EQ(make_shape(world.build()).decide(kIn, testing::reserved("host"), kTcp, 10250), 0U);
  world.options.agent.allow_localhost = true;
  world.add(Direction::Ingress, true, {policy::wildcard_selector()}, {});
  EXPECT_EQ(make_shape(world.build()).decide(kIn, testing::reserved("host"), kTcp, 10250) & 0xffU,
            2U);
}

TEST(Builder, TheHostPredicateIsSharedWithTheEntity) {
  World world;
  policy::Selector host;
  host.requirements = {{"reserved", "host", policy::Operator::In, {""}}};
  host.text = "as the entity prints";
  world.add(Direction::Ingress, false, {host}, {port(Protocol::Tcp, 22)});
  EXPECT_THAT(world.build().predicates, SizeIs(1));
}

TEST(Builder, APeerListThatSelectsNobodyGivesNoRuleButDefaultDeny) {
  World world;
  world.add(Direction::Ingress, false).l3 = policy::L3::Nothing;
  const auto policy = world.build();
  EXPECT_TRUE(policy.directions[kIn].default_deny);
  EXPECT_THAT(written(policy.directions[kIn]), IsEmpty());
}

TEST(Builder, NoPeersAndNoPortsGiveNothing) {
  World world;
  world.add(Direction::Ingress, false);
  EXPECT_THAT(written(world.build().directions[kIn]), IsEmpty());
}

TEST(Builder, PortsWithoutPeersAreForEveryPeer) {
  World world;
  world.add(Direction::Ingress, false, {}, {port(Protocol::Tcp, 80)});
  const auto rules = written(world.build().directions[kIn]);
  ASSERT_THAT(rules, SizeIs(1));
  EXPECT_TRUE(rules[0].any_peer);
  EXPECT_THAT(rules[0].ports, ElementsAre(matrix::PortRange{kTcp, 80, 80}));
}

TEST(Builder, ASelectorOfEverythingIsEveryPeer) {
  World world;
  world.add(Direction::Ingress, false, {label("app", "a"), policy::wildcard_selector()}, {});
  const auto rules = written(world.build().directions[kIn]);
  ASSERT_THAT(rules, SizeIs(1));
  EXPECT_TRUE(rules[0].any_peer);
  EXPECT_THAT(rules[0].peers, IsEmpty());
  EXPECT_THAT(rules[0].ports, ElementsAre(matrix::PortRange{}));
}

TEST(Builder, PortRangesFollowTheSpecification) {
  World world;
  world.add(Direction::Ingress, false, {label("app", "a")},
            {port(Protocol::Tcp, 80, 90), port(Protocol::Tcp, 70, 60), port(Protocol::Udp, 0),
             port(Protocol::Sctp, 5, 5), port(Protocol::Tcp, 80, 90), port(Protocol::Icmp, 8)});
  const auto rules = written(world.build().directions[kIn]);
  ASSERT_THAT(rules, SizeIs(1));
  EXPECT_THAT(rules[0].ports,
              ElementsAre(matrix::PortRange{1, 8, 8}, matrix::PortRange{kTcp, 70, 70},
                          matrix::PortRange{kTcp, 80, 90}, matrix::PortRange{kUdp, 0, 0xffff},
                          matrix::PortRange{132, 5, 5}));
}

TEST(Builder, EqualPeersOfSeveralEntriesAreOnePredicate) {
  World world;
  policy::Selector other_text = label("app", "a");
  other_text.text = "printed differently";
  world.add(Direction::Ingress, false, {label("app", "a"), label("app", "b")}, {});
  world.add(Direction::Egress, false, {other_text}, {});
  world.options.agent.allow_localhost = false;
  EXPECT_THAT(world.build().predicates, SizeIs(2));
}

TEST(Builder, RuleIdsAreUniqueInTheEndpointAndStartAtOne) {
  World world;
  for (int i = 0; i < 5; ++i) {
    world.add(Direction::Ingress, false, {label("app", "a")}, {});
    world.add(Direction::Egress, false, {label("app", "a")}, {});
  }
  const auto policy = world.build();
  std::set<std::uint32_t> ids;
  std::size_t rules = 0;
  for (const auto& direction : policy.directions) {
    for (const Rule& rule : direction.rules) ids.insert(rule.id);
    rules += direction.rules.size();
  }
  EXPECT_EQ(ids.size(), rules);
  EXPECT_EQ(*ids.begin(), 1U);
  EXPECT_EQ(*ids.rbegin(), rules);
}

// ---- named ports

TEST(BuilderNamedPorts, IngressLooksAtTheSubjectsOwnPorts) {
  World world;
  world.subject_ports = {{"web", 8080, "TCP"}, {"web", 8081, "UDP"}};
  world.cluster.endpoints.push_back(policy::Endpoint{});
  world.cluster.endpoints.back().ports = {{"web", 9999, "TCP"}};
  world.add(Direction::Ingress, false, {}, {named(Protocol::Tcp, "web")});
  const auto rules = written(world.build().directions[kIn]);
  ASSERT_THAT(rules, SizeIs(1));
  EXPECT_THAT(rules[0].ports, ElementsAre(matrix::PortRange{kTcp, 8080, 8080}));
}

TEST(BuilderNamedPorts, EgressLooksAtAllPods) {
  World world;
  world.subject_ports = {{"web", 1, "TCP"}};
  world.cluster.endpoints.resize(2);
  world.cluster.endpoints[0].ports = {{"web", 8080, "TCP"}};
  world.cluster.endpoints[1].ports = {{"web", 8080, "TCP"}};
  world.add(Direction::Egress, false, {}, {named(Protocol::Tcp, "web")});
  const auto rules = written(world.build().directions[kOut]);
  ASSERT_THAT(rules, SizeIs(1));
  EXPECT_THAT(rules[0].ports, ElementsAre(matrix::PortRange{kTcp, 8080, 8080}));
}

TEST(BuilderNamedPorts, AnAmbiguousOrUnknownNameContributesNothing) {
  World world;
  world.cluster.endpoints.resize(2);
  world.cluster.endpoints[0].ports = {{"web", 8080, "TCP"}, {"dns", 53, "UDP"}};
  world.cluster.endpoints[1].ports = {{"web", 8081, "TCP"}};
  world.add(Direction::Egress, false, {}, {named(Protocol::Tcp, "web")});
  world.add(Direction::Egress, true, {}, {named(Protocol::Tcp, "dns")});
  world.add(Direction::Ingress, false, {}, {named(Protocol::Tcp, "web"), port(Protocol::Tcp, 22)});
  const auto policy = world.build();
  EXPECT_THAT(written(policy.directions[kOut]), IsEmpty());
  ASSERT_THAT(written(policy.directions[kIn]), SizeIs(1));
  EXPECT_THAT(written(policy.directions[kIn])[0].ports,
              ElementsAre(matrix::PortRange{kTcp, 22, 22}));
  EXPECT_FALSE(world.diagnostics.has_errors());
}

TEST(BuilderNamedPorts, WithoutAnInventoryTheyAreAnErrorOnce) {
  World world;
  world.has_inventory = false;
  auto spec = named(Protocol::Tcp, "web");
  spec.node = source::NodeId{20};
  auto& entry = world.add(Direction::Ingress, false, {}, {spec});
  Subject subject{"web", nullptr, &entry.subject, "ns", policy::EndpointKind::Pod, nullptr};
  (void)world.build(subject);
  (void)world.build(subject);
  ASSERT_THAT(world.diagnostics.all(), SizeIs(1));
  EXPECT_EQ(world.diagnostics.all()[0].id, diag::Id::NamedPortNeedsInventory);
  EXPECT_EQ(world.sources.file_line(world.diagnostics.all()[0].node), "policy.yaml:21");
  EXPECT_THAT(world.diagnostics.all()[0].message, HasSubstr("`web`"));
}

// ---- redirects and authentication

struct ParserCase {
  policy::Parser parser;
  std::uint8_t precedence;
  const char* name;
};

TEST(BuilderRedirects, PrecedenceIsThatOfTheSpecification) {
  constexpr ParserCase kCases[] = {{policy::Parser::Http, 154, "http"},
                                   {policy::Parser::Kafka, 149, "kafka"},
                                   {policy::Parser::Generic, 144, "testproto"},
                                   {policy::Parser::Tls, 139, "tls"},
                                   {policy::Parser::Dns, 134, "dns"}};
  for (const ParserCase& c : kCases) {
    World world;
    auto& entry = world.add(Direction::Ingress, false, {}, {port(Protocol::Tcp, 80)});
    entry.l4[0].parser = c.parser;
    entry.l4[0].generic_parser = c.parser == policy::Parser::Generic ? "testproto" : "";
    const auto rules = written(world.build().directions[kIn]);
    ASSERT_THAT(rules, SizeIs(1));
    EXPECT_EQ(rules[0].verdict, Verdict::Redirect);
    EXPECT_EQ(rules[0].precedence, c.precedence) << c.name;
    EXPECT_EQ(rules[0].parser, c.name);
  }
}

TEST(BuilderRedirects, HttpOnUdpIsAPlainAllow) {
  World world;
  auto& entry =
      world.add(Direction::Ingress, false, {}, {port(Protocol::Tcp, 80), port(Protocol::Udp, 80)});
  entry.l4[0].parser = policy::Parser::Http;
  const auto shape = make_shape(world.build());
  EXPECT_EQ(shape.decide(kIn, testing::labels({{"app", "a"}}), kTcp, 80) & 0xffU, 3U);
  EXPECT_EQ(shape.decide(kIn, testing::labels({{"app", "a"}}), kUdp, 80) & 0xffU, 1U);
}

TEST(BuilderRedirects, ARedirectWinsOverAPlainAllowAndLosesToADeny) {
  World world;
  world.add(Direction::Ingress, false, {}, {port(Protocol::Tcp, 80)});
  world.add(Direction::Ingress, false, {}, {port(Protocol::Tcp, 1, 1000)}).l4[0].parser =
      policy::Parser::Http;
  auto shape = make_shape(world.build());
  EXPECT_EQ(shape.decide(kIn, testing::labels({{"app", "a"}}), kTcp, 80) & 0xffU, 3U);
  world.add(Direction::Ingress, true, {label("app", "a")}, {});
  shape = make_shape(world.build());
  EXPECT_EQ(shape.decide(kIn, testing::labels({{"app", "a"}}), kTcp, 80) & 0xffU, 2U);
  EXPECT_EQ(shape.decide(kIn, testing::labels({{"app", "b"}}), kTcp, 80) & 0xffU, 3U);
}

TEST(BuilderRedirects, WithoutL7TheyArePlainAllows) {
  World world;
  world.options.without_l7 = true;
  world.add(Direction::Ingress, false, {}, {port(Protocol::Tcp, 80)}).l4[0].parser =
      policy::Parser::Http;
  const auto rules = written(world.build().directions[kIn]);
  ASSERT_THAT(rules, SizeIs(1));
  EXPECT_EQ(rules[0].verdict, Verdict::Allow);
  EXPECT_EQ(rules[0].precedence, kPrecedenceAllow);
  EXPECT_EQ(rules[0].parser, "");
}

policy::Entry& add_listener(World& world, std::uint8_t priority, bool clusterwide = false) {
  auto& entry = world.add(Direction::Egress, false, {}, {port(Protocol::Tcp, 80)});
  entry.l4[0].parser = policy::Parser::Crd;
  entry.l4[0].listener = policy::ListenerRef{"config", "listener", clusterwide, priority};
  return entry;
}

TEST(BuilderListeners, AMissingListenerIsNotRealised) {
  World world;
  add_listener(world, 0);
  EXPECT_THAT(written(world.build().directions[kOut]), IsEmpty());
  EXPECT_TRUE(world.build().directions[kOut].default_deny);
}

TEST(BuilderListeners, AreLookedUpInTheSubjectsNamespace) {
  World world;
  add_listener(world, 0);
  world.cluster.listeners = {"other/config/listener", "/config/listener", "listener"};
  EXPECT_THAT(written(world.build().directions[kOut]), IsEmpty());
  world.cluster.listeners = {"ns/config/listener"};
  const auto rules = written(world.build().directions[kOut]);
  ASSERT_THAT(rules, SizeIs(1));
  EXPECT_EQ(rules[0].verdict, Verdict::Redirect);
  EXPECT_EQ(rules[0].precedence, 129);
}

TEST(BuilderListeners, ClusterwideOnesHaveNoNamespace) {
  World world;
  add_listener(world, 0, true);
  world.cluster.listeners = {"ns/config/listener"};
  EXPECT_THAT(written(world.build().directions[kOut]), IsEmpty());
  world.cluster.listeners = {"/config/listener"};
  EXPECT_THAT(written(world.build().directions[kOut]), SizeIs(1));
}

TEST(BuilderListeners, PriorityDecidesThePrecedence) {
  for (const auto& [priority, precedence] : {std::pair{1, 254}, {100, 155}}) {
    World world;
    world.cluster.listeners = {"ns/config/listener"};
    add_listener(world, static_cast<std::uint8_t>(priority));
    EXPECT_EQ(written(world.build().directions[kOut]).at(0).precedence, precedence);
  }
}

TEST(BuilderListeners, ANamespacedListenerNeedsASubjectWithNamespace) {
  World world;
  auto& entry = add_listener(world, 0);
  entry.policy_namespace = "";
  entry.l4[0].listener_needs_namespace = true;
  entry.l4[0].node = source::NodeId{30};
  Subject subject{"everywhere", nullptr, &entry.subject, "", policy::EndpointKind::Pod, nullptr};
  (void)world.build(subject);
  (void)world.build(subject);
  ASSERT_THAT(world.diagnostics.all(), SizeIs(1));
  EXPECT_EQ(world.diagnostics.all()[0].id, diag::Id::ListenerNeedsNamespace);
  EXPECT_EQ(world.sources.file_line(world.diagnostics.all()[0].node), "policy.yaml:31");
}

TEST(BuilderAuthentication, RequiredAuthenticationIsNotAnAllow) {
  World world;
  world.add(Direction::Ingress, false, {label("app", "a")}, {port(Protocol::Tcp, 80)}).auth =
      policy::AuthType::Spire;
  world.add(Direction::Ingress, false, {}, {port(Protocol::Tcp, 80)});
  const auto shape = make_shape(world.build());
  EXPECT_EQ(shape.decide(kIn, testing::labels({{"app", "a"}}), kTcp, 80) & 0xffU, 4U);
  EXPECT_EQ(shape.decide(kIn, testing::labels({{"app", "b"}}), kTcp, 80) & 0xffU, 1U);
}

TEST(BuilderAuthentication, DisabledAuthenticationIsAPlainAllow) {
  World world;
  world.add(Direction::Ingress, false, {}, {port(Protocol::Tcp, 80)}).auth =
      policy::AuthType::Disabled;
  EXPECT_FALSE(written(world.build().directions[kIn]).at(0).auth_required);
}

// ---- subjects without an inventory

TEST(BuilderHermetic, EntriesApplyWhenTheirRequirementsAreASubset) {
  World world;
  policy::Selector web_front = label("app", "web");
  web_front.requirements.push_back({"any", "tier", policy::Operator::In, {"front"}});
  web_front.text = "app=web,tier=front";
  auto& general = world.add(Direction::Ingress, false, {label("app", "a")}, {});
  (void)general;
  auto& special = world.add(Direction::Ingress, false, {label("app", "b")}, {});
  special.subject = web_front;
  auto& other = world.add(Direction::Ingress, false, {label("app", "c")}, {});
  other.subject = label("app", "db");
  world.options.agent.allow_localhost = false;
  const auto build_for = [&world](const policy::Selector& selector) {
    return world.build(Subject{"s", nullptr, &selector, "ns", policy::EndpointKind::Pod, nullptr});
  };
  EXPECT_THAT(build_for(web_front).directions[kIn].rules, SizeIs(2));
  EXPECT_THAT(build_for(label("app", "web")).directions[kIn].rules, SizeIs(1));
}

TEST(BuilderHermetic, ClusterwideEntriesApplyToNamespacedSubjectsNotTheOtherWayRound) {
  World world;
  world.options.agent.allow_localhost = false;
  world.add(Direction::Ingress, false, {label("app", "a")}, {});
  world.add(Direction::Ingress, false, {label("app", "b")}, {}).policy_namespace = "";
  const policy::Selector web = label("app", "web");
  EXPECT_THAT(world.build(Subject{"s", nullptr, &web, "ns", policy::EndpointKind::Pod, nullptr})
                  .directions[kIn]
                  .rules,
              SizeIs(2));
  EXPECT_THAT(world.build(Subject{"s", nullptr, &web, "", policy::EndpointKind::Pod, nullptr})
                  .directions[kIn]
                  .rules,
              SizeIs(1));
}

TEST(BuilderHermetic, DistinctSubjectsAreThoseOfTheEntriesOnce) {
  World world;
  world.add(Direction::Ingress);
  world.add(Direction::Egress);
  world.add(Direction::Ingress).subject = label("app", "db");
  world.add(Direction::Ingress).subject_is_node = true;
  const auto subjects = distinct_subjects(world.resolved);
  ASSERT_THAT(subjects, SizeIs(3));
  EXPECT_EQ(subjects[0].namespace_, "ns");
  EXPECT_EQ(subjects[2].kind, policy::EndpointKind::Host);
}

}  // namespace
}  // namespace policyc::ir
