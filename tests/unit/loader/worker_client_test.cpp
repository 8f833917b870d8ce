// The compiler process as the agent sees it: the real program.
#include "tests/unit/loader/worker_client.h"

#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include "compiler/driver/compilation.h"
#include "loader/worker/client.h"
#include "tests/unit/driver/session_manifests.h"

namespace policyc::worker {
namespace {

using policyc::testing::allow;
using policyc::testing::parsed;
using policyc::testing::pod;
using policyc::testing::service;
using policyc::testing::slice;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The objects that `policyc compile --endpoints` writes, by the pod's name.
std::map<std::string, std::vector<std::uint8_t>> one_shot(
    const std::map<std::string, std::string>& files) {
  driver::CompileOptions options;
  options.has_inventory = true;
  driver::Compilation compilation(options);
  std::vector<driver::InputText> inputs;
  for (const auto& [key, text] : files) inputs.push_back({key, text});
  EXPECT_TRUE(compilation.parse(inputs, {}) && compilation.resolve() && compilation.build_shapes())
      << diag::render_text(compilation.sources(), compilation.diagnostics());
  std::map<std::string, std::vector<std::uint8_t>> result;
  for (const driver::ShapeUnit& unit : compilation.shapes()) {
    auto object = driver::compile_shape(unit.shape, compilation.sources());
    EXPECT_TRUE(object) << object.error().message;
    for (const std::string& user : unit.users)
      result[user.substr(user.find('/') + 1)] = object->object;
  }
  return result;
}

TEST(WorkerClient, GivesTheObjectsOfPolicycCompile) {
  Agent agent;
  const std::map<std::string, std::string> files = {
      {"pods.yaml", pod("api", "api", "", "shop", "10.0.0.1") + "---\n" + pod("web", "web")},
      {"a.yaml", allow("a", "api", "web", "http")},
      {"b.yaml", allow("b", "web", "api", "443") + "---\n" + allow("c", "web", "lb", "80")}};
  for (const auto& [key, text] : files) agent.put(key, text);
  const auto resolved = agent.resolve({"api", "web"});
  EXPECT_TRUE(resolved.everything);
  ASSERT_TRUE(resolved.inventory);
  EXPECT_EQ(resolved.inventory->cluster.endpoints.size(), 2U);
  EXPECT_EQ(resolved.policies.size(), 3U);
  EXPECT_EQ(resolved.endpoints[0].labels.find_key("app")->value, "api");
  EXPECT_THAT(resolved.endpoints[1].policies,
              ElementsAre("CiliumNetworkPolicy/shop/b", "CiliumNetworkPolicy/shop/c"));
  const auto expected = one_shot(files);
  for (const ResolvedEndpoint& endpoint : resolved.endpoints)
    EXPECT_EQ(agent.compile(endpoint.shape), expected.at(endpoint.key));
  for (const auto& [key, text] : files) {
    EXPECT_TRUE(agent.file(key).accepted);
  }
}

TEST(WorkerClient, TellsWhatChanged) {
  Agent agent;
  agent.put("pods", pod("api", "api"));
  agent.put("s", service("a", "10.0.0.1", "80") + "---\n" + slice("a-1", "a", "10.1.0.1"));
  auto resolved = agent.resolve({"api"});
  ASSERT_EQ(resolved.services.size(), 1U);
  EXPECT_EQ(resolved.services[0].frontends[0].address.to_string(), "10.0.0.1");
  EXPECT_EQ(resolved.services[0].sets[0].backends[0].address.to_string(), "10.1.0.1");
  agent.put("p", allow("p", "api", "web", "80"));
  resolved = agent.resolve({"api"});
  EXPECT_FALSE(resolved.everything);
  EXPECT_FALSE(resolved.inventory);
  EXPECT_THAT(resolved.services, IsEmpty());
  agent.put("p", "nonsense: [");
  agent.client().remove_file("s");
  resolved = agent.resolve({"api"});
  EXPECT_THAT(resolved.removed_services, ElementsAre("shop/a"));
  EXPECT_FALSE(agent.file("p").accepted);
  EXPECT_TRUE(agent.file("p").last_good);
  EXPECT_THAT(agent.file("p").diagnostics, HasSubstr("p:1"));
  EXPECT_EQ(resolved.policies.size(), 1U);
}

TEST(WorkerClient, PodsAreResolvedAloneWhereNothingElseChanged) {
  Agent agent;
  const auto resolve_pods = [&agent] {
    const auto id = agent.client().resolve_pods(pod_endpoints({"api"}));
    agent.until([&] { return agent.answered(id); });
    return id;
  };
  agent.put("pods", pod("api", "api"));
  // Nobody was told anything yet.
  EXPECT_EQ(agent.failure_of(resolve_pods()).reason, FailureReason::MoreThanPods);
  EXPECT_TRUE(agent.resolve({"api"}).everything);
  agent.put("web", pod("web", "web"));
  auto id = resolve_pods();
  ASSERT_NE(agent.resolved(id), nullptr);
  ASSERT_TRUE(agent.resolved(id)->inventory);
  EXPECT_EQ(agent.resolved(id)->inventory->cluster.endpoints.size(), 2U);
  EXPECT_TRUE(agent.has_file("web")) << "answered before";
  agent.put("web", pod("web", "other"));
  EXPECT_NE(agent.resolved(resolve_pods()), nullptr);
  // What was refused is told by the next resolution, and so is what came with it.
  agent.put("p", allow("p", "api", "web", "80"));
  agent.put("web", pod("web", "web"));
  EXPECT_EQ(agent.failure_of(resolve_pods()).reason, FailureReason::MoreThanPods);
  const auto resolved = agent.resolve({"api"});
  EXPECT_FALSE(resolved.everything);
  ASSERT_TRUE(resolved.inventory);
  EXPECT_EQ(resolved.inventory->cluster.endpoints.size(), 2U);
  EXPECT_EQ(resolved.policies.size(), 1U);
  // A new process knows nothing of what was told.
  ::kill(agent.client().pid(), SIGKILL);
  agent.until([&] { return !agent.losses().empty() && agent.client().ready(); });
  EXPECT_EQ(agent.failure_of(resolve_pods()).reason, FailureReason::MoreThanPods);
  EXPECT_TRUE(agent.resolve_at_last({"api"}).everything);
}

TEST(WorkerClient, WhoAsksWithTheSameListIsNotToldTheSameAgain) {
  Agent agent;
  const auto ask = [&agent](const LocalEndpoints& endpoints, bool everything = false) {
    const auto id = agent.client().resolve(endpoints, everything);
    agent.until([&] { return agent.answered(id); });
    return agent.resolved(id) == nullptr ? Resolved{} : *agent.resolved(id);
  };
  const LocalEndpoints list = pod_endpoints({"api"});
  agent.put("pods", pod("api", "api"));
  agent.put("p", allow("p", "api", "web", "80"));
  const auto first = ask(list);
  ASSERT_EQ(first.endpoints.size(), 1U);
  EXPECT_FALSE(first.same_subjects);
  agent.put("web", pod("web", "web"));
  auto resolved = ask(list);
  EXPECT_TRUE(resolved.same_subjects);
  EXPECT_TRUE(resolved.endpoints.empty());
  ASSERT_TRUE(resolved.inventory);
  EXPECT_EQ(resolved.inventory->cluster.endpoints.size(), 2U);
  // Its shape can be compiled still.
  EXPECT_FALSE(agent.compile(first.endpoints[0].shape).empty());
  EXPECT_FALSE(ask(pod_endpoints({"api"})).same_subjects) << "another list";
  EXPECT_FALSE(ask(list).same_subjects) << "and that one again";
  EXPECT_FALSE(ask(list, true).same_subjects);
  agent.put("p", allow("p", "api", "web", "81"));
  resolved = ask(list);
  EXPECT_FALSE(resolved.same_subjects);
  EXPECT_NE(resolved.endpoints.at(0).shape, first.endpoints[0].shape);
  // A list that came with a refusal counts with the next resolution.
  const LocalEndpoints both = pod_endpoints({"api", "web"});
  agent.put("p", allow("p", "api", "web", "82"));
  const auto refused = agent.client().resolve_pods(both);
  EXPECT_EQ(agent.failure_of(refused).reason, FailureReason::MoreThanPods);
  EXPECT_EQ(ask(both).endpoints.size(), 2U);
  EXPECT_TRUE(ask(both).same_subjects);
  // A new process was told no list.
  ::kill(agent.client().pid(), SIGKILL);
  agent.until([&] { return !agent.losses().empty() && agent.client().ready(); });
  agent.until([&] {
    resolved = ask(both);
    return !resolved.endpoints.empty();
  });
  EXPECT_TRUE(resolved.everything);
  EXPECT_EQ(resolved.endpoints.size(), 2U);
}

// As the agent's loop, which looks when the descriptor is readable and at no other time.
TEST(WorkerClient, ALateAnswerIsNoticedByWhoeverWaits) {
  Settings settings = test_settings();
  settings.limits.resolve = std::chrono::milliseconds(300);
  Agent agent(settings);
  agent.put("pods", pod("api", "api"));
  (void)agent.resolve_at_last({"api"});
  agent.until([&] { return agent.has_file("pods"); });
  // Whatever time was set before has come.
  const auto quiet = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (std::chrono::steady_clock::now() < quiet) agent.turn(100);
  ::kill(agent.client().pid(), SIGSTOP);
  agent.forget_answers();
  const auto id = agent.client().resolve(pod_endpoints({"api"}));
  while (!agent.answered(id)) {
    pollfd wait{agent.client().fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&wait, 1, 60'000), 1) << "nobody would look again";
    agent.turn(0);
  }
  EXPECT_EQ(agent.failure_of(id).reason, FailureReason::TimedOut);
}

TEST(WorkerClient, AConflictIsTheEndpointsThatBothSelect) {
  Agent agent;
  agent.put("pods", pod("api", "api") + "---\n" + pod("web", "web"));
  agent.put("http", parsed("http", "api", "80", "        http: [{path: /}]\n"));
  agent.put("kafka", parsed("kafka", "api", "80", "        kafka: [{topic: x}]\n"));
  const auto resolved = agent.resolve({"api", "web"});
  EXPECT_THAT(resolved.endpoints[0].error, HasSubstr("PC0480"));
  EXPECT_EQ(resolved.endpoints[0].shape, "");
  EXPECT_NE(resolved.endpoints[1].shape, "");
  ASSERT_EQ(resolved.refused.size(), 2U);
  EXPECT_EQ(resolved.refused[0].key, "http");
}

TEST(WorkerClient, NamesOfFilesMayBeAnyBytes) {
  Agent agent;
  agent.put("pods", pod("api", "api"));
  const std::string key = "\xff\n\xc3\xa4";
  agent.client().put_file(key, key, allow("p", "api", "web", "80"));
  const auto resolved = agent.resolve({"api"});
  ASSERT_EQ(resolved.policies.size(), 1U);
  EXPECT_EQ(resolved.policies[0].file, "??\xc3\xa4");
  EXPECT_TRUE(agent.file(key).accepted);
  EXPECT_FALSE(agent.compile(resolved.endpoints[0].shape).empty());
}

TEST(WorkerClient, AnUnknownShapeIsSaidToBeUnknown) {
  Agent agent;
  const auto failed = agent.failure_of(agent.client().compile(std::string(64, 'a'), 1));
  EXPECT_EQ(failed.reason, FailureReason::UnknownShape);
}

TEST(WorkerClient, APriorityComesFirst) {
  Settings settings = test_settings();
  settings.threads = 1;
  Agent agent(settings);
  std::string pods;
  std::vector<std::string> names;
  for (int i = 0; i < 6; ++i) {
    const std::string name = "p" + std::to_string(i);
    names.push_back(name);
    pods += "---\n" + pod(name, name);
    agent.put(name, allow(name, name, "web", std::to_string(100 + i)));
  }
  agent.put("pods", pods);
  const auto resolved = agent.resolve(names);
  std::vector<std::uint64_t> ids;
  for (unsigned i = 0; i < 6; ++i)
    ids.push_back(agent.client().compile(resolved.endpoints[i].shape, i));
  std::vector<std::uint64_t> order;
  agent.until([&] {
    order.clear();
    for (const Answer& answer : agent.answers()) {
      if (const auto* compiled = std::get_if<Compiled>(&answer)) order.push_back(compiled->id);
    }
    return order.size() == ids.size();
  });
  // The first was on its way when the others came.
  EXPECT_THAT(order, ElementsAre(ids[0], ids[5], ids[4], ids[3], ids[2], ids[1]));
}

TEST(WorkerClient, AProcessThatHangsIsReplaced) {
  Settings settings = test_settings();
  settings.limits.compile = std::chrono::seconds(3);
  Agent agent(settings);
  agent.put("pods", pod("api", "api"));
  agent.put("p", allow("p", "api", "web", "80"));
  const auto before = agent.resolve({"api"});
  const int stopped = agent.client().pid();
  ASSERT_EQ(::kill(stopped, SIGSTOP), 0);
  const auto failed = agent.failure_of(agent.client().compile(before.endpoints[0].shape, 1));
  EXPECT_EQ(failed.reason, FailureReason::TimedOut);
  EXPECT_EQ(agent.losses().size(), 1U);
  EXPECT_NE(::kill(stopped, 0), 0);  // gone, and waited for
  const auto after = agent.resolve({"api"});
  EXPECT_NE(agent.client().pid(), stopped);
  EXPECT_TRUE(after.everything);
  EXPECT_EQ(after.endpoints[0].shape, before.endpoints[0].shape);
}

TEST(WorkerClient, ARestartedProcessHasTheLastGoodVersions) {
  Agent agent;
  agent.put("pods", pod("api", "api"));
  agent.put("p", allow("p", "api", "web", "80"));
  const auto before = agent.resolve({"api"});
  agent.put("p", "broken: [");
  (void)agent.resolve({"api"});
  EXPECT_FALSE(agent.file("p").accepted);
  agent.forget_answers();
  ASSERT_EQ(::kill(agent.client().pid(), SIGKILL), 0);
  agent.until([&] { return !agent.losses().empty(); });
  EXPECT_THAT(agent.losses()[0], HasSubstr("SIGKILL"));
  const auto after = agent.resolve({"api"});
  EXPECT_EQ(after.endpoints[0].shape, before.endpoints[0].shape);
  EXPECT_TRUE(after.everything);
  EXPECT_TRUE(after.inventory);
  // Nothing of the files has changed for the caller.
  EXPECT_FALSE(agent.has_file("p"));
  agent.put("p", allow("p", "api", "web", "81"));
  EXPECT_NE(agent.resolve({"api"}).endpoints[0].shape, before.endpoints[0].shape);
}

TEST(WorkerClient, RequestsWithoutAnAnswerFail) {
  Agent agent;
  agent.put("pods", pod("api", "api"));
  const auto resolved = agent.resolve({"api"});
  ASSERT_EQ(::kill(agent.client().pid(), SIGSTOP), 0);
  const auto resolution = agent.client().resolve({});
  const auto compilation = agent.client().compile(resolved.endpoints[0].shape, 1);
  ASSERT_EQ(::kill(agent.client().pid(), SIGKILL), 0);
  EXPECT_EQ(agent.failure_of(resolution).reason, FailureReason::Restarted);
  EXPECT_EQ(agent.failure_of(compilation).reason, FailureReason::Restarted);
  EXPECT_EQ(agent.client().statistics().requests, 0U);
  // Its shapes are gone with it.
  const auto again = agent.client().compile(resolved.endpoints[0].shape, 1);
  EXPECT_EQ(agent.failure_of(again).reason, FailureReason::UnknownShape);
}

// A workload with edits, resolutions and compilations, through any number of deaths.
TEST(WorkerClient, DeathsAtAnyMomentDoNotShowInTheEnd) {
  std::random_device device;
  const auto seed = device();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto pick = [&random](std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
  };
  Settings settings = test_settings();
  settings.limits.first_backoff = std::chrono::milliseconds(1);
  settings.limits.last_backoff = std::chrono::milliseconds(20);
  Agent agent(settings);
  std::map<std::string, std::string> files;
  const auto put = [&](const std::string& key, const std::string& text) {
    files[key] = text;
    agent.put(key, text);
  };
  const std::vector<std::string> apps = {"a", "b", "c"};
  std::string pods;
  for (const std::string& app : apps) pods += "---\n" + pod(app, app);
  put("pods", pods);
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 5; ++i) {
      const std::string key = "p" + std::to_string(pick(6));
      if (pick(5) == 0) {
        files.erase(key);
        agent.client().remove_file(key);
      } else {
        put(key, allow(key, apps[pick(3)], apps[pick(3)], std::to_string(80 + pick(3))));
      }
      if (pick(3) == 0) agent.put(key + "bad", "bad: [" + std::to_string(round));
    }
    const auto id = agent.client().resolve(pod_endpoints(apps));
    if (pick(2) == 0) {
      agent.until([&] { return agent.answered(id); });
      if (const auto* resolved = agent.resolved(id)) {
        for (const auto& one : resolved->endpoints) agent.client().compile(one.shape, 1);
      }
    }
    // At a moment of the work that differs each time.
    for (std::size_t turns = pick(20); turns > 0; --turns) agent.turn();
    if (const int pid = agent.client().pid(); pid > 0) ::kill(pid, SIGKILL);
  }
  const auto expected = one_shot(files);
  const auto resolved = agent.resolve_at_last(apps);
  EXPECT_TRUE(resolved.everything);
  for (const ResolvedEndpoint& endpoint : resolved.endpoints)
    EXPECT_EQ(agent.compile(endpoint.shape), expected.at(endpoint.key)) << endpoint.key;
  EXPECT_EQ(agent.client().statistics().quarantined, 0U);
  EXPECT_GT(agent.client().statistics().losses, 5U);
}

// Aliases of aliases, and a flat file of more nodes than there is memory.
std::string alias_bomb() {
  std::string text = "apiVersion: v1\nkind: Pod\na: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    const std::string before(1, static_cast<char>(c - 1));
    text += std::string(1, c) + ": &" + c + " [*" + before + ",*" + before + ",*" + before + ",*" +
            before + ",*" + before + ",*" + before + ",*" + before + ",*" + before + "]\n";
  }
  return text;
}
std::string flood() {
  std::string text = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nx:\n";
  for (int i = 0; i < 600'000; ++i) text += "- [1, 2, 3]\n";
  return text;
}

TEST(WorkerClient, ManifestsThatWantTooMuchAreRefusedAndTheOthersCount) {
  Settings settings = test_settings();
  settings.limits.memory_bytes = std::uint64_t{192} << 20;
  Agent agent(settings);
  agent.put("pods", pod("api", "api"));
  agent.put("p", allow("p", "api", "web", "80"));
  const auto before = agent.resolve({"api"});
  agent.put("aliases", alias_bomb());
  agent.put("flood", flood());
  agent.put("huge", std::string(kMaxFileBytes + 1, ' '));
  agent.until([&] {
    return agent.has_file("aliases") && agent.has_file("flood") && agent.has_file("huge");
  });
  EXPECT_FALSE(agent.file("aliases").accepted);
  EXPECT_FALSE(agent.file("flood").accepted);
  EXPECT_THAT(agent.file("flood").diagnostics, AnyOf(HasSubstr("memory"), HasSubstr("left out")));
  EXPECT_FALSE(agent.file("huge").accepted);
  EXPECT_EQ(agent.resolve_at_last({"api"}).endpoints[0].shape, before.endpoints[0].shape);
}

TEST(WorkerClient, AProgramThatIsNotThereIsAnError) {
  Settings settings = test_settings();
  settings.program = "/nonexistent/policyc-compilerd";
  const auto client = Client::start(settings);
  ASSERT_FALSE(client);
  EXPECT_THAT(client.error().message, HasSubstr("/nonexistent/policyc-compilerd"));
  settings = test_settings();
  settings.threads = 0;
  EXPECT_FALSE(Client::start(settings));
}

}  // namespace
}  // namespace policyc::worker
