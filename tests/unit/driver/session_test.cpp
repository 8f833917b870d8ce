// A session against the one-shot compilation, and what it does with files that cannot be used.
#include "compiler/driver/session.h"

#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/driver/object_meta.h"
#include "compiler/driver/quoted_lines.h"
#include "tests/unit/driver/session_manifests.h"

namespace policyc::driver {
namespace {

using policyc::testing::allow;
using policyc::testing::parsed;
using policyc::testing::pod;
using policyc::testing::service;
using policyc::testing::slice;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

SessionEndpoint local(const std::string& name, const std::string& name_space = "shop") {
  return {name, name_space, name, {}};
}

Result<backend::Bytes> compile(const Session& session, const std::string& key) {
  const auto shape = session.find(key);
  return shape ? compile(*shape) : fail("there is no such shape");
}

std::string first_shape(Session& session, const std::string& name) {
  auto result = session.resolve({local(name)});
  EXPECT_EQ(result.endpoints.front().error, "");
  return result.endpoints.front().shape;
}

// What `policyc compile --endpoints` makes of the same files: the key of each pod's object.
std::map<std::string, std::string> one_shot(
    const std::map<std::string, std::string>& files,
    std::map<std::string, backend::Bytes>* objects = nullptr) {
  CompileOptions options;
  options.has_inventory = true;
  Compilation compilation(options);
  std::vector<InputText> inputs;
  for (const auto& [key, text] : files) inputs.push_back({key + ".yaml", text});
  EXPECT_TRUE(compilation.parse(inputs, {}) && compilation.resolve() && compilation.build_shapes())
      << diag::render_text(compilation.sources(), compilation.diagnostics());
  std::map<std::string, std::string> result;
  for (const ShapeUnit& unit : compilation.shapes()) {
    const auto key = object_key(unit.shape, QuotedLines(unit.shape, compilation.sources()));
    EXPECT_TRUE(key) << key.error().message;
    for (const std::string& user : unit.users) result[user] = key->hex();
    if (objects != nullptr) {
      auto object = compile_shape(unit.shape, compilation.sources());
      EXPECT_TRUE(object) << object.error().message;
      (*objects)[key->hex()] = std::move(object->object);
    }
  }
  return result;
}

TEST(Session, MakesTheObjectsOfTheOneShotCompilation) {
  const std::map<std::string, std::string> files = {
      {"a", pod("api", "api") + "---\n" + pod("web", "web")},
      {"b", allow("api", "api", "web", "http") + "---\n" + allow("more", "api", "web", "9000")},
      {"c", allow("web", "web", "lb", "80")}};
  Session session({});
  for (const auto& [key, text] : files)
    EXPECT_TRUE(session.put_file(key, key + ".yaml", text).accepted);
  std::map<std::string, backend::Bytes> objects;
  const auto expected = one_shot(files, &objects);
  const auto result = session.resolve({local("api"), local("web")});
  ASSERT_EQ(result.endpoints.size(), 2U);
  for (const ResolvedSubject& one : result.endpoints) {
    EXPECT_EQ(one.shape, expected.at("shop/" + one.key));
    const auto object = compile(session, one.shape);
    ASSERT_TRUE(object) << object.error().message;
    EXPECT_EQ(*object, objects.at(one.shape));
  }
  EXPECT_THAT(result.endpoints[0].policies,
              ElementsAre("CiliumNetworkPolicy/shop/api", "CiliumNetworkPolicy/shop/more"));
  EXPECT_EQ(result.endpoints[1].labels.find_key("app")->value, "web");
  ASSERT_EQ(result.policies.size(), 3U);
  EXPECT_EQ(result.policies[1].file, "b.yaml");
  EXPECT_EQ(result.policies[1].line, 18U);
}

// Each step edits, adds or removes one of a few files, some of which say the same objects.
class RandomEdits : public ::testing::TestWithParam<std::size_t> {};

TEST_P(RandomEdits, AgreeWithTheOneShotCompilation) {
  std::random_device device;
  const auto seed = device();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto pick = [&random](std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
  };
  const std::vector<std::string> apps = {"a", "b", "c"};
  const std::vector<std::string> ports = {"80", "http", "9000", "443"};
  const auto policy = [&](std::size_t number) {
    const std::string name = "p" + std::to_string(number);
    switch (pick(5)) {
      case 0:
        return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name +
               ", namespace: shop}\nspec:\n  podSelector: {matchLabels: {app: " + apps[pick(3)] +
               "}}\n  egress:\n  - to: [{ipBlock: {cidr: 10." + std::to_string(pick(4)) +
               ".0.0/16}}]\n    ports: [{port: http}]\n";
      case 1:
        return "apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: " +
               name + "}\nspec:\n  endpointSelector: {matchLabels: {app: " + apps[pick(3)] +
               "}}\n  egress:\n  - toServices:\n    - k8sService: {serviceName: s" +
               std::to_string(pick(2)) + ", namespace: shop}\n";
      case 2:
        return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: " + name +
               ", namespace: shop}\nspec:\n  endpointSelector: {}\n  egressDeny:\n"
               "  - toCIDRSet: [{cidrGroupRef: g" +
               std::to_string(pick(2)) + "}]\n";
      default:
        return allow(name, apps[pick(3)], apps[pick(3)], ports[pick(4)]);
    }
  };
  const auto inventory = [&](std::size_t number) {
    const std::string id = std::to_string(number);
    switch (pick(4)) {
      case 0:
        return "apiVersion: v1\nkind: Service\nmetadata: {name: s" + id +
               ", namespace: shop}\nspec:\n  ports: [{port: 80}]\n  selector: {app: " +
               apps[pick(3)] + "}\n";
      case 1:
        return "apiVersion: cilium.io/v2\nkind: CiliumCIDRGroup\nmetadata: {name: g" + id +
               "}\nspec: {externalCIDRs: [192.0." + std::to_string(pick(3)) + ".0/24]}\n";
      case 2:
        return "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: t" +
               std::to_string(pick(2)) + "}}\n";
      default: {
        std::string text =
            pod("pod" + id, apps[pick(3)], "    tier: t" + std::to_string(pick(2)) + "\n", "shop",
                pick(2) == 0 ? "10.1.0." + id : "");
        if (pick(4) == 0) text.replace(text.find("8080"), 4, "8081");
        return text;
      }
    }
  };
  SessionOptions options;
  options.spare_text_bytes = GetParam();
  Session session(options);
  std::map<std::string, std::string> files;
  for (int step = 0; step < 120; ++step) {
    const std::size_t number = pick(6);
    const bool of_policy = pick(2) == 0;
    // Some names of files come before others', whatever they hold.
    const std::string key = (of_policy ? "m" : "n") + std::to_string((number * 3 + pick(2)) % 7);
    if (pick(5) == 0) {
      session.remove_file(key);
      files.erase(key);
    } else if (pick(6) == 0) {
      const auto verdict = session.put_file(key, key + ".yaml", "kind: Pod\n  bad: [\n");
      EXPECT_FALSE(verdict.accepted);
      EXPECT_EQ(verdict.last_good, files.contains(key));
    } else {
      const std::string text = of_policy ? policy(number) : inventory(number);
      const auto verdict = session.put_file(key, key + ".yaml", text);
      ASSERT_TRUE(verdict.accepted) << verdict.diagnostics;
      files[key] = text;
    }
    if (pick(3) == 0) continue;  // several edits at once
    const auto expected = one_shot(files);
    std::vector<SessionEndpoint> asked;
    for (const auto& [name, shape] : expected) asked.push_back(local(name.substr(5)));
    const auto result = session.resolve(asked);
    for (const ResolvedSubject& one : result.endpoints) {
      EXPECT_EQ(one.error, "");
      EXPECT_EQ(one.shape, expected.at("shop/" + one.key)) << "step " << step << ", " << one.key;
    }
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(SourceMap, RandomEdits, ::testing::Values(std::size_t{1} << 24, 0, 0));

TEST(Session, AFileWithErrorsKeepsItsLastGoodVersion) {
  Session session({});
  session.put_file("pod", "pod.yaml", pod("api", "api"));
  session.put_file("policy", "policy.yaml", allow("api", "api", "web", "80"));
  const std::string good = first_shape(session, "api");
  std::string broken =
      allow("api", "api", "web", "80") + "---\n" + allow("b", "api", "web", "99999");
  const auto verdict = session.put_file("policy", "policy.yaml", broken);
  EXPECT_FALSE(verdict.accepted);
  EXPECT_TRUE(verdict.last_good);
  EXPECT_THAT(verdict.diagnostics, HasSubstr("policy.yaml:33"));
  EXPECT_EQ(first_shape(session, "api"), good);
  // The same again is answered the same, and a repaired one counts.
  EXPECT_EQ(session.put_file("policy", "policy.yaml", broken).diagnostics, verdict.diagnostics);
  EXPECT_TRUE(session.put_file("policy", "policy.yaml", allow("api", "api", "web", "81")).accepted);
  EXPECT_NE(first_shape(session, "api"), good);
  const auto new_one = session.put_file("other", "other.yaml", "[");
  EXPECT_FALSE(new_one.accepted);
  EXPECT_FALSE(new_one.last_good);
}

TEST(Session, ARemovedFileUncoversWhatItReplaced) {
  Session session({});
  session.put_file("pod", "pod.yaml", pod("api", "api"));
  session.put_file("a", "a.yaml", allow("api", "api", "web", "80"));
  const std::string first = first_shape(session, "api");
  session.put_file("b", "b.yaml", allow("api", "api", "web", "90"));
  const std::string second = first_shape(session, "api");
  EXPECT_NE(first, second);
  session.remove_file("b");
  EXPECT_EQ(first_shape(session, "api"), first);
  session.remove_file("a");
  session.remove_file("a");
  EXPECT_EQ(session.resolve({local("api")}).policies.size(), 0U);
}

TEST(Session, AnEndpointWithoutAPodIsInit) {
  Session session({});
  session.put_file("p", "p.yaml", allow("api", "api", "web", "80"));
  auto result = session.resolve({local("api"), {"other", "shop", "", {}}});
  for (const ResolvedSubject& one : result.endpoints) {
    EXPECT_EQ(one.labels.to_string(), "reserved:init");
    EXPECT_THAT(one.policies, IsEmpty());
    EXPECT_EQ(one.error, "");
  }
  // One that is known and selected by nothing is open; init is not.
  session.put_file("pod", "pod.yaml", pod("open", "open"));
  result = session.resolve({local("open"), local("api")});
  EXPECT_NE(result.endpoints[0].shape, result.endpoints[1].shape);
  const auto of_init = compile(session, result.endpoints[1].shape);
  ASSERT_TRUE(of_init) << of_init.error().message;
  const auto shape = read_meta(*of_init);
  ASSERT_TRUE(shape);
  for (const ir::DirectionShape& direction : shape->directions) {
    EXPECT_TRUE(direction.enforced);
    EXPECT_TRUE(direction.default_deny);
  }
  session.put_file("init", "init.yaml",
                   "apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: "
                   "{name: init}\nspec:\n  endpointSelector: {matchLabels: {'reserved:init': ''}}\n"
                   "  egress:\n  - toEntities: [host]\n");
  result = session.resolve({local("open"), local("api")});
  EXPECT_THAT(result.endpoints[1].policies, ElementsAre("CiliumClusterwideNetworkPolicy/init"));
  EXPECT_THAT(result.endpoints[0].policies, IsEmpty());
  session.put_file("late", "late.yaml", pod("api", "api"));
  result = session.resolve({local("api")});
  EXPECT_THAT(result.endpoints[0].policies, ElementsAre("CiliumNetworkPolicy/shop/api"));
}

TEST(Session, LabelsCountWhereNoPodSaysThem) {
  Session session({});
  session.put_file("p", "p.yaml", allow("api", "api", "web", "80"));
  session.put_file("n", "n.yaml",
                   "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: x}}\n");
  SessionEndpoint given{"one", "shop", "api-1", {{"app", "api"}}};
  auto result = session.resolve({given});
  EXPECT_THAT(result.endpoints[0].policies, ElementsAre("CiliumNetworkPolicy/shop/api"));
  EXPECT_EQ(result.endpoints[0].labels.find_key("io.cilium.k8s.namespace.labels.team")->value, "x");
  session.put_file("pod", "pod.yaml", pod("api-1", "web"));
  result = session.resolve({given});
  EXPECT_EQ(result.endpoints[0].labels.find_key("app")->value, "web");
  // A workload is not its pods.
  session.remove_file("pod");
  session.put_file(
      "w", "w.yaml",
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api-1, namespace: shop}\n"
      "spec:\n  template:\n    metadata: {labels: {app: web}}\n    spec: {}\n");
  result = session.resolve({given});
  EXPECT_EQ(result.endpoints[0].labels.find_key("app")->value, "api");
}

TEST(Session, AConflictStopsOnlyWhomBothPoliciesSelect) {
  Session session({});
  session.put_file("pods", "pods.yaml",
                   pod("api", "api") + "---\n" + pod("web", "web") + "---\n" +
                       pod("both", "api", "    web: \"yes\"\n"));
  session.put_file("http", "http.yaml", parsed("http", "api", "80", "        http: [{path: /}]\n"));
  session.put_file("fine", "fine.yaml", allow("fine", "web", "api", "80"));
  const auto before = session.resolve({local("api"), local("web"), local("both")});
  for (const auto& one : before.endpoints) EXPECT_EQ(one.error, "");
  EXPECT_THAT(before.conflicts, IsEmpty());
  std::string kafka = parsed("kafka", "api", "80", "        kafka: [{topic: x}]\n");
  kafka.replace(kafka.find("app: api"), 8, "web: \"yes\"");
  EXPECT_TRUE(session.put_file("kafka", "kafka.yaml", kafka).accepted);
  const auto result = session.resolve({local("api"), local("web"), local("both")});
  EXPECT_EQ(result.endpoints[0].shape, before.endpoints[0].shape);
  EXPECT_EQ(result.endpoints[1].shape, before.endpoints[1].shape);
  EXPECT_EQ(result.endpoints[2].shape, "");
  EXPECT_THAT(result.endpoints[2].error, HasSubstr("PC0480"));
  EXPECT_THAT(result.diagnostics, HasSubstr("PC0480"));
  std::vector<std::string> files;
  for (const Conflict& conflict : result.conflicts) files.push_back(conflict.file);
  EXPECT_THAT(files, ElementsAre("http", "kafka"));
  session.remove_file("http");
  EXPECT_EQ(session.resolve({local("both")}).endpoints[0].error, "");
}

TEST(Session, TellsWhatChangedOfServices) {
  Session session({});
  const auto names = [](const Resolution& result) {
    std::vector<std::string> list;
    for (const auto& one : result.services) list.push_back(one.name);
    return list;
  };
  session.put_file("a", "a.yaml", service("a", "10.0.0.1", "80"));
  session.put_file("b", "b.yaml", service("b", "10.0.0.2", "80"));
  EXPECT_THAT(names(session.resolve({})), ElementsAre("shop/a", "shop/b"));
  EXPECT_THAT(names(session.resolve({})), IsEmpty());
  session.put_file("s", "s.yaml", slice("a-1", "a", "10.1.0.1"));
  auto result = session.resolve({});
  ASSERT_THAT(names(result), ElementsAre("shop/a"));
  EXPECT_EQ(result.services[0].sets[0].backends.size(), 1U);
  // The slice goes over to the other service.
  session.put_file("s", "s.yaml", slice("a-1", "b", "10.1.0.1"));
  EXPECT_THAT(names(session.resolve({})), ElementsAre("shop/a", "shop/b"));
  // Another file has the service too: it counts while it is there.
  session.put_file("z", "z.yaml", service("b", "10.0.0.3", "80"));
  result = session.resolve({});
  ASSERT_THAT(names(result), ElementsAre("shop/b"));
  EXPECT_EQ(result.services[0].frontends[0].address.to_string(), "10.0.0.3");
  session.remove_file("z");
  result = session.resolve({});
  EXPECT_EQ(result.services.at(0).frontends[0].address.to_string(), "10.0.0.2");
  session.remove_file("b");
  result = session.resolve({});
  EXPECT_THAT(result.removed_services, ElementsAre("shop/b"));
  EXPECT_THAT(names(session.resolve({}, true)), ElementsAre("shop/a"));
}

TEST(Session, TheNodesOwnManifestDecidesItsServicesAndItsAddresses) {
  SessionOptions options;
  options.node.name = "n1";
  options.node.addresses = {*parse_ip_address("192.0.2.9")};
  Session session(options);
  const std::string node =
      "apiVersion: v1\nkind: Node\nmetadata: {name: n1, labels: {service.cilium.io/node: edge}}\n"
      "status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}\n";
  std::string only = service("a", "10.0.0.1", "80");
  only.replace(only.find("  namespace"), 0, "  annotations: {service.cilium.io/node: edge}\n");
  ASSERT_TRUE(session.put_file("a", "a.yaml", only).accepted);
  EXPECT_THAT(session.resolve({}).services, IsEmpty());
  session.put_file("n", "n.yaml", node);
  auto result = session.resolve({});
  EXPECT_EQ(result.services.size(), 1U);
  std::vector<std::string> hosts;
  for (const policy::ClusterNode& one : result.cluster->nodes) {
    EXPECT_EQ(one.role, policy::NodeRole::Host);
    for (const IpAddress& address : one.addresses) hosts.push_back(address.to_string());
  }
  EXPECT_THAT(hosts, UnorderedElementsAre("192.0.2.1", "192.0.2.9"));
  session.remove_file("n");
  EXPECT_THAT(session.resolve({}).removed_services, ElementsAre("shop/a"));
}

TEST(Session, CompilesWhileItReads) {
  Session session({});
  session.put_file("pods", "pods.yaml", pod("api", "api") + "---\n" + pod("web", "web"));
  session.put_file("p", "p.yaml", allow("api", "api", "web", "80"));
  const auto result = session.resolve({local("api"), local("web")});
  std::vector<std::thread> threads;
  std::vector<Result<backend::Bytes>> objects(4, fail("none"));
  for (std::size_t i = 0; i < objects.size(); ++i) {
    threads.emplace_back([&, i] { objects[i] = compile(session, result.endpoints[i % 2].shape); });
  }
  for (int i = 0; i < 50; ++i)
    session.put_file("q", "q.yaml", allow("q", "other", "web", std::to_string(100 + i)));
  for (std::thread& thread : threads) thread.join();
  for (const auto& object : objects) EXPECT_TRUE(object) << object.error().message;
  EXPECT_EQ(*objects[0], *objects[2]);
  EXPECT_FALSE(compile(session, "nobody"));
  // Shapes that nobody has any more are forgotten.
  (void)session.resolve({local("web")});
  EXPECT_FALSE(session.find(result.endpoints[0].shape));
}

}  // namespace
}  // namespace policyc::driver
