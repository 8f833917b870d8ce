// policyd on a node: pods, policies, bad files, restarts.

#include <map>

#include <gmock/gmock.h>

#include "loader/attach/attach.h"
#include "loader/endpoint/state.h"
#include "loader/maps/ipcache.h"
#include "loader/maps/node_maps.h"
#include "tests/e2e/agent/agent_node.h"
#include "tests/e2e/agent/page.h"

namespace policyc::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class AgentTest : public AgentNode {};

TEST_F(AgentTest, AddEndpointReturnsWhenThePolicyIsEnforced) {
  write("web.yaml", allow("client", 53));
  start_synced();
  const Pod web("web0", "10.9.1.1");
  EXPECT_TRUE(web.reached_from(kOther, 53)) << "nothing is loaded";
  const auto added = add(web, "web");
  ASSERT_TRUE(added) << to_string(added.error()) << agent_->output();
  EXPECT_TRUE(web.reached_from(kClient, 53));
  EXPECT_FALSE(web.reached_from(kOther, 53));
  EXPECT_FALSE(web.reached_from(kClient, 54));
  EXPECT_EQ(added->state(), v1::ENDPOINT_STATE_READY);
  EXPECT_THAT(added->labels(), Contains("k8s:app=web"));
  EXPECT_THAT(added->policies(), Contains("CiliumNetworkPolicy/shop/web"));
  EXPECT_NE(added->id(), 0U);
  // The same again is answered as the first one.
  const auto again = add(web, "web");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id(), added->id());
  EXPECT_TRUE(client_->check(ref("web")));
  // Told off: its traffic is free again, and nobody knows it.
  const auto removed = client_->remove(ref("web"));
  ASSERT_TRUE(removed) << to_string(removed.error());
  EXPECT_TRUE(removed->existed());
  EXPECT_TRUE(web.reached_from(kOther, 53));
  EXPECT_FALSE(client_->remove(ref("web"))->existed());
  EXPECT_EQ(client_->check(ref("web")).error().code, grpc::StatusCode::NOT_FOUND);
}

TEST_F(AgentTest, WhatCannotBeUnderstoodIsRefusedAndLeavesNothing) {
  start_synced();
  const Pod web("web0", "10.9.1.1");
  const auto code = [this](const v1::AddEndpointRequest& bad) {
    const auto answer = client_->add(bad);
    return answer ? grpc::StatusCode::OK : answer.error().code;
  };
  auto bad = request(web, "web");
  bad.set_host_interface("nowhere");
  EXPECT_EQ(code(bad), grpc::StatusCode::INVALID_ARGUMENT);
  bad = request(web, "web");
  bad.set_addresses(0, "10.9.1");
  EXPECT_EQ(code(bad), grpc::StatusCode::INVALID_ARGUMENT);
  bad = request(web, "web");
  bad.add_addresses("10.9.1.9");
  EXPECT_EQ(code(bad), grpc::StatusCode::INVALID_ARGUMENT) << "two of one family";
  bad = request(web, "web");
  bad.mutable_ref()->clear_container_id();
  EXPECT_EQ(code(bad), grpc::StatusCode::INVALID_ARGUMENT);
  bad = request(web, "web");
  bad.set_mac("02:00");
  EXPECT_EQ(code(bad), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(client_->endpoints()->endpoints(), IsEmpty());
  ASSERT_TRUE(add(web, "web"));
  EXPECT_EQ(code(request(web, "web2")), grpc::StatusCode::ALREADY_EXISTS);
}

TEST_F(AgentTest, BeforeTheSourceHasToldAllNobodyIsServed) {
  std::filesystem::remove_all(manifests_);
  start();
  ASSERT_TRUE(eventually([this] { return client_->status().has_value(); })) << agent_->output();
  EXPECT_FALSE(client_->status()->synced());
  const Pod web("web0", "10.9.1.1");
  EXPECT_EQ(add(web, "web").error().code, grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(client_->endpoints()->endpoints(), IsEmpty());
}

TEST_F(AgentTest, AnotherKindOfHookReachesWhatIsLoaded) {
  write("web.yaml", allow("client", 53));
  start_synced({"--attach", "clsact"});
  const Pod web("web0", "10.9.1.1");
  ASSERT_TRUE(add(web, "web"));
  kill();
  start_synced({"--attach", "tcx"});
  const auto records = must(endpoint::read_state(paths_)).endpoints;
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].hook, attach::HookKind::Tcx);
  for (const attach::Side side : attach::kSides) {
    for (const attach::HookKind kind : {attach::HookKind::Tcx, attach::HookKind::Clsact}) {
      const auto hook = paths_.hook(records[0].id, records[0].interface_index, side, kind);
      EXPECT_EQ(must(attach::attached_program(hook)).has_value(), kind == attach::HookKind::Tcx);
    }
  }
  EXPECT_TRUE(web.reached_from(kClient, 53));
  EXPECT_FALSE(web.reached_from(kOther, 53));
}

TEST_F(AgentTest, AnEditChangesTheVerdictOfNewConnections) {
  write("web.yaml", allow("client", 53));
  start_synced();
  const Pod web("web0", "10.9.1.1");
  ASSERT_TRUE(add(web, "web"));
  const auto before = revision();
  write("web.yaml", allow("other", 53));
  ASSERT_TRUE(past(before)) << agent_->output();
  EXPECT_FALSE(web.reached_from(kClient, 53));
  EXPECT_TRUE(web.reached_from(kOther, 53));
  // No file, no policy: everything is allowed.
  const auto after = revision();
  remove("web.yaml");
  ASSERT_TRUE(past(after));
  EXPECT_TRUE(web.reached_from(kClient, 53));
  EXPECT_THAT(client_->policies()->policies(), IsEmpty());
}

TEST_F(AgentTest, APeerThatComesIsAMapWrite) {
  write("web.yaml", allow("client", 53));
  start_synced();
  const Pod web("web0", "10.9.1.1");
  const auto added = add(web, "web");
  ASSERT_TRUE(added);
  const auto programs = [this] {
    const auto state = must(endpoint::read_state(paths_));
    return std::pair(state.slots, state.datapath);
  };
  const auto loaded = programs();
  EXPECT_FALSE(web.reached_from(kOther, 53));
  const auto before = revision();
  write("late.yaml", pod_yaml("late", "10.9.7.7", "client"));
  ASSERT_TRUE(past(before));
  const auto cache = must(maps::read_ipcache(must(maps::NodeMaps::open(paths_.maps()))));
  const auto late = cache.find(*parse_ip_prefix("10.9.7.7/32"));
  ASSERT_NE(late, cache.end());
  EXPECT_EQ(late->second.peer_class, cache.at(*parse_ip_prefix("10.9.0.1/32")).peer_class);
  EXPECT_EQ(programs(), loaded);
  EXPECT_EQ(client_->endpoints()->endpoints(0).shape(), added->shape());
}

TEST_F(AgentTest, ABadFileKeepsItsLastGoodVersionAlsoAcrossARestart) {
  write("web.yaml", allow("client", 53));
  start_synced();
  const Pod web("web0", "10.9.1.1");
  ASSERT_TRUE(add(web, "web"));
  write("web.yaml",
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web}\n"
        "spec: {endpointSelector: {}, ingres: []}\n");
  const auto refused = [this] {
    const auto status = client_->status();
    return status && status->refused_size() == 1;
  };
  ASSERT_TRUE(eventually(refused)) << agent_->output();
  const auto status = client_->status();
  EXPECT_THAT(status->refused(0).name(), HasSubstr("web.yaml"));
  EXPECT_THAT(status->refused(0).diagnostics(), HasSubstr("ingres"));
  EXPECT_TRUE(status->refused(0).last_good());
  EXPECT_TRUE(web.reached_from(kClient, 53));
  EXPECT_FALSE(web.reached_from(kOther, 53));
  for (const int signal : {SIGTERM, SIGKILL}) {
    agent_->send(signal);
    agent_->wait();
    EXPECT_FALSE(web.reached_from(kOther, 53)) << "stopping is not unloading";
    start_synced();
    ASSERT_TRUE(eventually(refused));
    EXPECT_TRUE(client_->status()->refused(0).last_good());
    EXPECT_TRUE(web.reached_from(kClient, 53));
    EXPECT_FALSE(web.reached_from(kOther, 53));
  }
  const auto before = revision();
  write("web.yaml", allow("other", 53));
  ASSERT_TRUE(past(before));
  EXPECT_TRUE(eventually([this] { return client_->status()->refused_size() == 0; }));
  EXPECT_TRUE(web.reached_from(kOther, 53));
}

TEST_F(AgentTest, AFileThatIsHalfWrittenNeverCounts) {
  write("web.yaml", allow("client", 53));
  start_synced();
  const Pod web("web0", "10.9.1.1");
  ASSERT_TRUE(add(web, "web"));
  const auto before = revision();
  {
    // The first half alone would select everything and allow nothing.
    std::ofstream file(manifests_ / "open.yaml");
    file
        << "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: open, namespace: "
           "shop}\nspec:\n  endpointSelector: {}\n  ingress:\n";
    file.flush();
    std::this_thread::sleep_for(300ms);
    EXPECT_TRUE(web.reached_from(kClient, 53));
    file << "  - fromEndpoints: [{matchLabels: {app: other}}]\n";
  }
  ASSERT_TRUE(past(before)) << agent_->output();
  EXPECT_TRUE(web.reached_from(kClient, 53));
  EXPECT_TRUE(web.reached_from(kOther, 53));
}

TEST_F(AgentTest, AnInterfaceThatVanishesIsUnloadedAndKnownAsGone) {
  start_synced();
  auto web = std::make_unique<Pod>("web0", "10.9.1.1");
  ASSERT_TRUE(add(*web, "web"));
  shell("ip link del web0");
  ASSERT_TRUE(eventually([this] {
    const auto list = client_->endpoints();
    return list && list->endpoints_size() == 1 &&
           list->endpoints(0).state() == v1::ENDPOINT_STATE_GONE;
  })) << agent_->output();
  EXPECT_TRUE(eventually([this] { return must(endpoint::read_state(paths_)).endpoints.empty(); }));
  EXPECT_EQ(client_->check(ref("web")).error().code, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(client_->remove(ref("web"))->existed());
  // The same address on an interface of the same name.
  web.reset();
  const Pod next("web0", "10.9.1.1");
  EXPECT_TRUE(add(next, "web2"));
}

// The runtime never said that the first one is over, as after a crash of the machine's runtime.
TEST_F(AgentTest, AnInterfaceThatIsGoneKeepsNothingFromTheNextPod) {
  write("web.yaml", allow("client", 53));
  start_synced();
  auto web = std::make_unique<Pod>("web0", "10.9.1.1");
  ASSERT_TRUE(add(*web, "web"));
  const Pod other("web1", "10.9.1.2");
  auto wrong = request(other, "web2");
  wrong.set_addresses(0, "10.9.1.1");
  EXPECT_EQ(client_->add(wrong).error().code, grpc::StatusCode::ALREADY_EXISTS) << "it is there";
  web.reset();
  const Pod next("next0", "10.9.1.1");
  auto same_pod = request(next, "web3");
  same_pod.set_pod_name("web");
  const auto added = client_->add(same_pod, 60s);
  ASSERT_TRUE(added) << to_string(added.error());
  EXPECT_TRUE(next.reached_from(kClient, 53));
  EXPECT_FALSE(next.reached_from(kOther, 53));
  EXPECT_EQ(client_->endpoints()->endpoints_size(), 1);
  EXPECT_FALSE(client_->remove(ref("web"))->existed());
}

TEST_F(AgentTest, CollectionTakesWhatTheRuntimeDoesNotKnow) {
  start_synced();
  const Pod web("web0", "10.9.1.1");
  const Pod web2("web1", "10.9.1.2");
  ASSERT_TRUE(add(web, "web"));
  ASSERT_TRUE(add(web2, "web2"));
  v1::CollectEndpointsRequest collect;
  collect.set_network("others");
  EXPECT_THAT(client_->collect(collect)->removed(), IsEmpty());
  collect.set_network("pods");
  *collect.add_valid() = ref("web2");
  const auto collected = client_->collect(collect);
  ASSERT_TRUE(collected) << to_string(collected.error());
  ASSERT_EQ(collected->removed_size(), 1);
  EXPECT_EQ(collected->removed(0).container_id(), "container-web");
  EXPECT_EQ(client_->endpoints()->endpoints_size(), 1);
}

// Everything in the kernel that a change would show in.
struct Kernel {
  maps::IpCache ipcache;
  std::string config;
  std::string state;
  std::map<std::string, std::string> programs;
};

TEST_F(AgentTest, ARestartWithNothingChangedTouchesNothing) {
  write("web.yaml", allow("client", 53));
  start_synced();
  const Pod web("web0", "10.9.1.1");
  const auto added = add(web, "web");
  ASSERT_TRUE(added);
  agent_->send(SIGTERM);
  ASSERT_EQ(agent_->wait(), 0) << agent_->output();
  const auto look = [&] {
    Kernel kernel;
    const auto maps = must(maps::NodeMaps::open(paths_.maps()));
    kernel.ipcache = must(maps::read_ipcache(maps));
    const auto config = must(maps.config());
    kernel.config = std::string(reinterpret_cast<const char*>(&config), sizeof config);
    kernel.state = endpoint::to_json(must(endpoint::read_state(paths_)));
    const auto entry = must(maps.endpoints.lookup(web.index())).value_or(endpoint_value{});
    kernel.programs["entry"] = std::string(reinterpret_cast<const char*>(&entry), sizeof entry);
    for (const std::uint32_t index : {2U, 3U}) {
      const auto program = must(maps.policies.lookup(index));
      kernel.programs[std::to_string(index)] = std::to_string(program.value_or(0));
    }
    return kernel;
  };
  const Kernel before = look();
  ::setenv("POLICYD_STEPS", (paths_.state / "steps").c_str(), 1);
  start_synced();
  ::unsetenv("POLICYD_STEPS");
  ASSERT_TRUE(eventually(
      [this] { return client_->endpoints()->endpoints(0).state() == v1::ENDPOINT_STATE_READY; }));
  const Kernel after = look();
  EXPECT_TRUE(after.ipcache == before.ipcache);
  EXPECT_EQ(after.config, before.config);
  EXPECT_EQ(after.state, before.state);
  EXPECT_EQ(after.programs, before.programs);
  // The agent says so itself: it only looked at its registry and its source.
  std::ifstream steps(paths_.state / "steps");
  for (std::string step; std::getline(steps, step);)
    EXPECT_TRUE(step == "registry" || step == "source kept") << step;
  EXPECT_EQ(client_->endpoints()->endpoints(0).id(), added->id());
  EXPECT_TRUE(web.reached_from(kClient, 53));
  EXPECT_FALSE(web.reached_from(kOther, 53));
}

TEST_F(AgentTest, CleanupRemovesEverything) {
  write("web.yaml", allow("client", 53));
  start_synced();
  const Pod web("web0", "10.9.1.1");
  ASSERT_TRUE(add(web, "web"));
  // Not beside an agent that runs.
  test::ChildProcess beside(command({"--cleanup"}));
  EXPECT_EQ(beside.wait(), 3);
  EXPECT_THAT(beside.output(), HasSubstr("another agent"));
  agent_->send(SIGTERM);
  EXPECT_EQ(agent_->wait(), 0);
  EXPECT_FALSE(web.reached_from(kOther, 53));
  test::ChildProcess cleanup(command({"--cleanup"}));
  EXPECT_EQ(cleanup.wait(), 0) << cleanup.output();
  EXPECT_TRUE(web.reached_from(kOther, 53));
  EXPECT_FALSE(std::filesystem::exists(paths_.state_file()));
  EXPECT_FALSE(std::filesystem::exists(paths_.state / "agent" / "endpoints.json"));
  EXPECT_FALSE(std::filesystem::exists(paths_.maps()));
}

TEST_F(AgentTest, ABadConfigurationIsExitCodeTwoWithItsPlace) {
  std::ofstream(paths_.state / "policyd.yaml")
      << "enable-policy: always\npolicy-audit-mode: maybe\n";
  start();
  EXPECT_EQ(agent_->wait(), 2);
  EXPECT_THAT(agent_->output(), HasSubstr("policyd.yaml:2:20: policy-audit-mode: `maybe`"));
}

TEST_F(AgentTest, AReloadTakesUpWhatItCan) {
  write("web.yaml", allow("client", 53));
  start_synced();
  const Pod web("web0", "10.9.1.1");
  ASSERT_TRUE(add(web, "web"));
  EXPECT_FALSE(web.reached_from(kOther, 53));
  std::ofstream(paths_.state / "policyd.yaml") << "policy-audit-mode: true\n";
  agent_->send(SIGHUP);
  EXPECT_TRUE(eventually([&] { return web.reached_from(kOther, 53); })) << agent_->output();
  std::ofstream(paths_.state / "policyd.yaml") << "policy-audit-mode: false\nnonsense: 1\n";
  agent_->send(SIGHUP);
  EXPECT_TRUE(agent_->wait_for("policyd.yaml:2:1: `nonsense`"));
  EXPECT_TRUE(web.reached_from(kOther, 53)) << "it stays as it was";
  // Another meaning of policies needs another compiler process.
  std::ofstream(paths_.state / "policyd.yaml") << "enable-policy: never\n";
  agent_->send(SIGHUP);
  EXPECT_TRUE(eventually([&] { return web.reached_from(kOther, 60); })) << agent_->output();
}

TEST_F(AgentTest, PagesAndCommandsSayWhatTheAgentDoes) {
  write("web.yaml", allow("client", 53));
  start_synced();
  const Pod web("web0", "10.9.1.1");
  const auto added = add(web, "web");
  ASSERT_TRUE(added);
  EXPECT_FALSE(web.reached_from(kOther, 53));
  const std::string metrics = page("/metrics");
  EXPECT_THAT(metrics, HasSubstr("cilium_policy 1\n"));
  EXPECT_THAT(metrics, HasSubstr("cilium_endpoint_state{endpoint_state=\"ready\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("cilium_endpoint_regenerations_total{outcome=\"success\"} 1\n"));
  EXPECT_THAT(metrics,
              HasSubstr("cilium_drop_count_total{reason=\"Policy denied\",direction=\"INGRESS\"}"));
  EXPECT_THAT(metrics, HasSubstr("cilium_bpf_map_pressure{map_name=\"conntrack4\"}"));
  EXPECT_THAT(page("/healthz"), HasSubstr("200 OK"));
  const auto run = [this](std::vector<std::string> arguments, int code) {
    arguments.insert(arguments.begin(), POLICYC_BINARY);
    arguments.insert(arguments.end(), {"--socket", socket().string()});
    test::ChildProcess command(arguments);
    EXPECT_EQ(command.wait(), code) << command.output();
    return command.output();
  };
  EXPECT_THAT(run({"status"}, 0), HasSubstr("healthy"));
  EXPECT_THAT(run({"status", "-o", "json"}, 0), HasSubstr("\"healthy\": true"));
  EXPECT_THAT(run({"endpoint", "list"}, 0), HasSubstr("shop/web"));
  EXPECT_THAT(run({"endpoint", "get", "shop/web", "-o", "json"}, 0),
              HasSubstr("\"policies\": [\n  \"CiliumNetworkPolicy/shop/web\""));
  EXPECT_THAT(run({"endpoint", "get", "nobody"}, 1), HasSubstr("no endpoint"));
  EXPECT_THAT(run({"identity", "list"}, 0), HasSubstr("k8s:app=web"));
  EXPECT_THAT(run({"policy", "list"}, 0), HasSubstr("web.yaml:1"));
  EXPECT_THAT(run({"ip", "list"}, 0), HasSubstr("10.9.0.1/32"));
  v1::StreamFlowsRequest flows;
  flows.set_last(100);
  std::string seen;
  ASSERT_TRUE(client_->flows(flows, [&seen](const std::string& json) {
    seen += json + "\n";
    return true;
  }));
  EXPECT_THAT(seen, HasSubstr("POLICY_DENIED"));
}

}  // namespace
}  // namespace policyc::testing
