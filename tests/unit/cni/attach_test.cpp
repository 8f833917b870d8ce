// ADD, CHECK and DEL by the real protocol, with real interfaces and an agent that the test plays.

#include <chrono>
#include <fstream>
#include <future>
#include <set>
#include <thread>

#include "tests/unit/cni/fake_agent.h"
#include "tests/unit/cni/world.h"

namespace policyc::testing {
namespace {

using Texts = std::vector<std::string>;

// The configuration with which a runtime comes back after ADD.
Json after(Json config, const Ran& added) {
  config["prevResult"] = added.json;
  return config;
}

class CniAttachTest : public CniTest {
 protected:
  // Nothing of any container is left on the node.
  void expect_nothing_left(const FakeAgent* agent = nullptr) {
    EXPECT_EQ(host_interfaces(), Texts{});
    EXPECT_EQ(used_addresses(), Texts{});
    EXPECT_EQ(
        output_of("ip route show; ip neigh show nud permanent; ip -6 neigh show nud permanent"),
        "");
    EXPECT_EQ(output_of("ip -6 route show").find("fd07"), std::string::npos);
    EXPECT_EQ(agent == nullptr ? Texts{} : agent->known(), Texts{});
  }
};

TEST_F(CniAttachTest, AddMakesWhatTheResultSays) {
  FakeAgent agent(socket_);
  const Container container("one");
  Json with_labels = config();
  with_labels["args"]["cni"]["labels"] = {{"app", "web"}};
  const Ran added =
      run("ADD", container, with_labels,
          {{"CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0"}});
  ASSERT_EQ(added.exit_code, 0) << added.output;
  EXPECT_EQ(added.json["cniVersion"], "1.1.0");
  const Json& interfaces = added.json["interfaces"];
  ASSERT_EQ(interfaces.size(), 2U);
  const std::string host = interfaces[0]["name"];
  EXPECT_EQ(host.substr(0, 3), "lxc");
  EXPECT_EQ(host.size(), 15U);
  EXPECT_FALSE(interfaces[0].contains("sandbox"));
  EXPECT_EQ(interfaces[1]["name"], "eth0");
  EXPECT_EQ(interfaces[1]["sandbox"], container.path());
  ASSERT_EQ(added.json["ips"].size(), 2U);
  EXPECT_EQ(added.json["ips"][0],
            (Json{{"interface", 1}, {"address", "10.7.0.1/32"}, {"gateway", "169.254.1.1"}}));
  EXPECT_EQ(added.json["ips"][1],
            (Json{{"interface", 1}, {"address", "fd07::1/128"}, {"gateway", "fe80::1"}}));
  EXPECT_EQ(added.json["routes"], (Json{{{"dst", "0.0.0.0/0"}, {"gw", "169.254.1.1"}},
                                        {{"dst", "::/0"}, {"gw", "fe80::1"}}}));

  const Json eth0 = container.interface();
  EXPECT_TRUE(is_up(eth0));
  EXPECT_EQ(addresses_of(eth0), (Texts{"10.7.0.1/32", "fd07::1/128"}));
  EXPECT_EQ(eth0["address"], interfaces[1]["mac"]);
  EXPECT_EQ(host_interfaces(), Texts{host});
  EXPECT_EQ(container.run("cat /proc/sys/net/ipv6/conf/eth0/accept_ra"), "0\n");
  EXPECT_EQ(output_of("cat /proc/sys/net/ipv4/conf/" + host +
                      "/forwarding /proc/sys/net/ipv6/conf/" + host + "/accept_ra"),
            "1\n0\n");

  ASSERT_EQ(agent.added().size(), 1U);
  const v1::AddEndpointRequest request = agent.added()[0];
  EXPECT_EQ(request.ref().container_id(), "one");
  EXPECT_EQ(request.ref().container_interface(), "eth0");
  EXPECT_EQ(request.host_interface(), host);
  EXPECT_EQ(Texts(request.addresses().begin(), request.addresses().end()),
            (Texts{"10.7.0.1", "fd07::1"}));
  EXPECT_EQ(request.mac(), interfaces[1]["mac"]);
  EXPECT_EQ(request.network_namespace(), container.path());
  EXPECT_EQ(request.network(), "testnet");
  EXPECT_EQ(request.pod_namespace(), "shop");
  EXPECT_EQ(request.pod_name(), "web-0");
  EXPECT_EQ(request.labels().at("app"), "web");

  const Ran checked = run("CHECK", container, after(config(), added));
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  EXPECT_EQ(checked.output, "");
  const Ran deleted = run("DEL", container, after(config(), added));
  EXPECT_EQ(deleted.exit_code, 0) << deleted.output;
  EXPECT_EQ(deleted.output, "");
  EXPECT_TRUE(container.interface().is_null());
  expect_nothing_left(&agent);
}

TEST_F(CniAttachTest, TheContainersSideIsDownUntilTheAgentHasAnswered) {
  FakeAgent agent(socket_);
  const Container container("one");
  Json seen;
  std::string routes;
  agent.on_add = [&](const v1::AddEndpointRequest& request) {
    seen = container.interface();
    routes = container.run("ip route show; ip -6 route show");
    // The host's side is there for the agent to attach its programs to.
    EXPECT_NO_THROW(shell("ip link show " + request.host_interface() + " up | grep -q lxc"));
    return grpc::Status::OK;
  };
  ASSERT_EQ(run("ADD", container, config()).exit_code, 0);
  ASSERT_FALSE(seen.is_null());
  EXPECT_FALSE(is_up(seen)) << seen.dump();
  EXPECT_EQ(routes, "");
  EXPECT_TRUE(is_up(container.interface()));
  EXPECT_EQ(run("DEL", container, config()).exit_code, 0);
}

TEST_F(CniAttachTest, PacketsGoBetweenPodsAndHost) {
  FakeAgent agent(socket_);
  shell("ip address add 192.0.2.1/32 dev lo; ip address add 2001:db8::1/128 dev lo nodad");
  const Container a("a"), b("b");
  ASSERT_EQ(run("ADD", a, config()).exit_code, 0);
  ASSERT_EQ(run("ADD", b, config()).exit_code, 0);
  EXPECT_TRUE(reaches(&a, nullptr, "192.0.2.1"));
  EXPECT_TRUE(reaches(nullptr, &a, "10.7.0.1"));
  EXPECT_TRUE(reaches(&a, &b, "10.7.0.2"));
  EXPECT_TRUE(reaches(&b, &a, "10.7.0.1"));
  EXPECT_TRUE(reaches(&a, nullptr, "2001:db8::1"));
  EXPECT_TRUE(reaches(nullptr, &a, "fd07::1"));
  EXPECT_TRUE(reaches(&a, &b, "fd07::2"));
  EXPECT_TRUE(reaches(&b, &a, "fd07::1"));
  EXPECT_EQ(run("DEL", a, config()).exit_code, 0);
  EXPECT_TRUE(reaches(&b, nullptr, "192.0.2.1"));
  EXPECT_EQ(run("DEL", b, config()).exit_code, 0);
  shell("ip address del 192.0.2.1/32 dev lo; ip address del 2001:db8::1/128 dev lo");
  expect_nothing_left(&agent);
}

TEST_F(CniAttachTest, WithoutTheAgentNothingIsLeft) {
  const Container container("one");
  const Ran away = run("ADD", container, config());
  EXPECT_EQ(away.exit_code, 1);
  EXPECT_EQ(away.code(), 11) << away.output;
  EXPECT_EQ(away.json["cniVersion"], "1.1.0");
  EXPECT_FALSE(away.json["msg"].get<std::string>().empty());
  EXPECT_TRUE(container.interface().is_null());
  expect_nothing_left();
}

TEST_F(CniAttachTest, WhatTheAgentRefusesIsUndone) {
  FakeAgent agent(socket_);
  const Container container("one");
  const std::vector<std::pair<grpc::StatusCode, int>> cases{
      {grpc::StatusCode::UNAVAILABLE, 11},
      {grpc::StatusCode::ALREADY_EXISTS, 102},
      {grpc::StatusCode::INVALID_ARGUMENT, 102},
      {grpc::StatusCode::INTERNAL, 102}};
  for (const auto& [status, code] : cases) {
    agent.on_add = [&](const auto&) { return grpc::Status(status, "because of the test"); };
    const Ran refused = run("ADD", container, config());
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_EQ(refused.code(), code) << refused.output;
    EXPECT_NE(refused.output.find("because of the test"), std::string::npos) << refused.output;
    EXPECT_TRUE(container.interface().is_null());
    expect_nothing_left(&agent);
  }
  agent.on_add = [](const auto&) { return grpc::Status::OK; };
  EXPECT_EQ(run("ADD", container, config()).exit_code, 0);
  EXPECT_EQ(run("DEL", container, config()).exit_code, 0);
}

TEST_F(CniAttachTest, AnAgentThatIsTooSlowIsToldToForget) {
  FakeAgent agent(socket_);
  const Container container("one");
  std::promise<void> over;
  agent.on_add = [&, done = over.get_future().share()](const auto&) {
    done.wait_for(std::chrono::seconds(30));
    return grpc::Status(grpc::StatusCode::CANCELLED, "late");
  };
  Json hasty = config();
  hasty["agent-timeout"] = 1;
  const Ran late = run("ADD", container, hasty);
  over.set_value();
  EXPECT_EQ(late.code(), 11) << late.output;
  expect_nothing_left(&agent);
}

TEST_F(CniAttachTest, AFailureAfterTheAgentForgetsTheEndpoint) {
  FakeAgent agent(socket_);
  const Container container("one");
  // The pair is gone when the container's side is to be set up.
  agent.on_add = [&](const v1::AddEndpointRequest& request) {
    shell("ip link del " + request.host_interface());
    return grpc::Status::OK;
  };
  const Ran failed = run("ADD", container, config());
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_EQ(failed.code(), 100) << failed.output;
  expect_nothing_left(&agent);
}

TEST_F(CniAttachTest, ASecondAddIsRefusedAndHarmless) {
  FakeAgent agent(socket_);
  const Container container("one");
  const Ran added = run("ADD", container, config());
  ASSERT_EQ(added.exit_code, 0);
  const Ran again = run("ADD", container, config());
  EXPECT_EQ(again.code(), 100) << again.output;
  EXPECT_EQ(run("CHECK", container, after(config(), added)).exit_code, 0);
  EXPECT_EQ(agent.known(), Texts{"one/eth0"});
  EXPECT_EQ(run("DEL", container, config()).exit_code, 0);
  expect_nothing_left(&agent);
}

TEST_F(CniAttachTest, DelIsIdempotentAndNeedsNobody) {
  const Container container("one");
  {
    FakeAgent agent(socket_);
    EXPECT_EQ(run("DEL", container, config()).exit_code, 0);  // of what never was
    ASSERT_EQ(run("ADD", container, config()).exit_code, 0);
    EXPECT_EQ(used_addresses(), (Texts{"10.7.0.1", "fd07::1"}));
  }
  // Without agent.
  EXPECT_EQ(run("DEL", container, config()).exit_code, 0);
  EXPECT_EQ(run("DEL", container, config()).exit_code, 0);
  expect_nothing_left();
  // Without network namespace.
  FakeAgent agent(socket_);
  Container gone("two");
  ASSERT_EQ(run("ADD", gone, config()).exit_code, 0);
  const std::string path = gone.path();
  gone.close();
  EXPECT_EQ(
      run("DEL", container, config(), {{"CNI_CONTAINERID", "two"}, {"CNI_NETNS", path}}).exit_code,
      0);
  expect_nothing_left(&agent);
  ASSERT_EQ(run("ADD", container, config()).exit_code, 0);
  EXPECT_EQ(run("DEL", container, config(), {{"CNI_NETNS", ""}}).exit_code, 0);
  expect_nothing_left(&agent);
}

TEST_F(CniAttachTest, AddressesComeBackOnlyAfterAllOthers) {
  FakeAgent agent(socket_);
  const Container container("one");
  std::set<std::string> seen;
  for (int i = 0; i < 4; ++i) {
    const Ran added = run("ADD", container, config());
    ASSERT_EQ(added.exit_code, 0) << added.output;
    EXPECT_TRUE(seen.insert(added.json["ips"][0]["address"]).second);
    ASSERT_EQ(run("DEL", container, config()).exit_code, 0);
  }
}

TEST_F(CniAttachTest, AnExhaustedPoolIsAnErrorOfItsOwn) {
  FakeAgent agent(socket_);
  Json small = config();
  small["ipam"]["ranges"] = {{{{"subnet", "10.7.0.0/32"}}}};
  const Container a("a"), b("b");
  ASSERT_EQ(run("ADD", a, small).exit_code, 0);
  const Ran none = run("ADD", b, small);
  EXPECT_EQ(none.code(), 101) << none.output;
  EXPECT_EQ(none.json["msg"], "no free address is left in 10.7.0.0/32");
  EXPECT_TRUE(b.interface().is_null());
  EXPECT_EQ(agent.known(), Texts{"a/eth0"});
  EXPECT_EQ(run("DEL", a, small).exit_code, 0);
  expect_nothing_left(&agent);
}

TEST_F(CniAttachTest, TheMtuIsTheUplinksOrTheConfigured) {
  FakeAgent agent(socket_);
  const Container container("one");
  const auto mtu_with = [&](const Json& configuration) {
    const Ran added = run("ADD", container, configuration);
    EXPECT_EQ(added.exit_code, 0) << added.output;
    const int mtu = container.interface().value("mtu", 0);
    const std::string host = added.json["interfaces"][0]["name"];
    EXPECT_EQ(Json::parse(output_of("ip -j link show " + host))[0]["mtu"], mtu);
    return mtu;
  };
  EXPECT_EQ(mtu_with(config()), 1500);
  ASSERT_EQ(run("DEL", container, config()).exit_code, 0);
  shell(
      "ip link add uplink type veth peer name beyond; ip link set uplink mtu 1400 up; ip route add "
      "default dev uplink");
  shell(
      "ip link add second type veth peer name beyond2; ip link set second mtu 1450 up; ip route "
      "add default dev second metric 9");
  EXPECT_EQ(mtu_with(config()), 1400);
  shell("ip link del second");
  ASSERT_EQ(run("DEL", container, config()).exit_code, 0);
  Json told = config();
  told["mtu"] = 1300;
  EXPECT_EQ(mtu_with(told), 1300);
  ASSERT_EQ(run("DEL", container, told).exit_code, 0);
  told["enable-route-mtu"] = true;
  EXPECT_EQ(mtu_with(told), 1400);
  EXPECT_NE(container.run("ip route show default").find("mtu 1300"), std::string::npos);
  EXPECT_NE(container.run("ip -6 route show default").find("mtu 1300"), std::string::npos);
  ASSERT_EQ(run("DEL", container, told).exit_code, 0);
  told["mtu"] = 1200;
  EXPECT_EQ(run("ADD", container, told).code(), 7);  // IPv6 needs more
  shell("ip link del uplink");
  expect_nothing_left(&agent);
}

TEST_F(CniAttachTest, CheckFindsWhatIsBroken) {
  FakeAgent agent(socket_);
  const Container container("one");
  const Ran added = run("ADD", container, config());
  ASSERT_EQ(added.exit_code, 0);
  const Json with_result = after(config(), added);
  const std::string host = added.json["interfaces"][0]["name"];
  EXPECT_EQ(run("CHECK", container, config()).code(), 7);  // no prevResult
  const auto broken = [&](const std::string& what) {
    const Ran checked = run("CHECK", container, with_result);
    EXPECT_EQ(checked.code(), 103) << what << checked.output;
    return checked.json.is_object() ? checked.json.value("msg", "") : "";
  };
  agent.on_check = [](const auto&) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "it has no program");
  };
  EXPECT_NE(broken("agent").find("it has no program"), std::string::npos);
  agent.on_check = [](const auto&) { return grpc::Status(grpc::StatusCode::NOT_FOUND, "unknown"); };
  broken("agent does not know it");
  agent.on_check = [](const auto&) { return grpc::Status::OK; };
  EXPECT_EQ(run("CHECK", container, with_result).exit_code, 0);

  shell("ip route del 10.7.0.1/32 dev " + host);
  EXPECT_EQ(broken("host route"), "the host has no route to 10.7.0.1 on " + host);
  shell("ip route add 10.7.0.1/32 dev " + host);
  static_cast<void>(container.run("ip route del default"));
  EXPECT_EQ(broken("default route"), "the container has no default route for IPv4");
  static_cast<void>(container.run("ip route add default via 169.254.1.1 dev eth0"));
  EXPECT_EQ(run("CHECK", container, with_result).exit_code, 0);
  static_cast<void>(container.run("ip address del fd07::1/128 dev eth0"));
  EXPECT_EQ(broken("address"), "the container has not the address fd07::1");
  static_cast<void>(container.run("ip address add fd07::1/128 dev eth0 nodad"));
  shell("ip link set " + host + " down");
  EXPECT_EQ(broken("down"), "interface " + host + " is down");
  shell("ip link del " + host);
  EXPECT_EQ(broken("gone"), "the host has no interface " + host);
  EXPECT_EQ(run("DEL", container, with_result).exit_code, 0);
  expect_nothing_left(&agent);
}

TEST_F(CniAttachTest, ResultsHaveTheFormOfTheirVersion) {
  FakeAgent agent(socket_);
  for (const char* version : {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}) {
    const Container container("one");
    const Ran added = run("ADD", container, config(version));
    ASSERT_EQ(added.exit_code, 0) << version << added.output;
    EXPECT_EQ(added.json["cniVersion"], version);
    const std::string number = version;
    if (number < "0.3.0") {
      EXPECT_TRUE(added.json["ip4"]["ip"].get<std::string>().ends_with("/32")) << added.output;
      EXPECT_EQ(added.json["ip6"]["routes"], (Json{{{"dst", "::/0"}, {"gw", "fe80::1"}}}));
      EXPECT_FALSE(added.json.contains("ips"));
    } else {
      EXPECT_EQ(added.json["ips"].size(), 2U);
      EXPECT_EQ(added.json["ips"][1].value("version", ""), number < "1.0.0" ? "6" : "");
    }
    const Ran checked = run("CHECK", container, after(config(version), added));
    EXPECT_EQ(checked.code(), number < "0.4.0" ? 1 : -1) << checked.output;
    EXPECT_EQ(run("DEL", container, after(config(version), added)).exit_code, 0);
  }
  expect_nothing_left(&agent);
}

TEST_F(CniAttachTest, ManyAtOnceGetDifferentAddresses) {
  FakeAgent agent(socket_);
  constexpr int kContainers = 8;
  std::vector<Container> containers;
  for (int i = 0; i < kContainers; ++i) containers.emplace_back("c" + std::to_string(i));
  std::vector<Ran> added(kContainers);
  const auto all = [&](const std::function<void(std::size_t)>& action) {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kContainers; ++i) threads.emplace_back([&, i] { action(i); });
    for (std::thread& thread : threads) thread.join();
  };
  all([&](std::size_t i) { added[i] = run("ADD", containers[i], config()); });
  std::set<std::string> addresses;
  for (const Ran& one : added) {
    ASSERT_EQ(one.exit_code, 0) << one.output;
    for (const Json& ip : one.json["ips"])
      EXPECT_TRUE(addresses.insert(ip["address"]).second) << ip.dump();
  }
  EXPECT_EQ(agent.known().size(), static_cast<std::size_t>(kContainers));
  all([&](std::size_t i) { added[i] = run("DEL", containers[i], config()); });
  for (const Ran& one : added) EXPECT_EQ(one.exit_code, 0) << one.output;
  expect_nothing_left(&agent);
}

TEST_F(CniAttachTest, WhatADeadAddLeftIsReplaced) {
  FakeAgent agent(socket_);
  const Container container("one");
  const Ran added = run("ADD", container, config());
  ASSERT_EQ(added.exit_code, 0);
  // As after a death between the pair and its end in the container: the host's name is taken.
  const std::string host = added.json["interfaces"][0]["name"];
  shell("ip link del " + host + "; ip link add " + host + " type bridge");
  const Ran again = run("ADD", container, config());
  EXPECT_EQ(again.exit_code, 0) << again.output;
  EXPECT_EQ(again.json["ips"], added.json["ips"]);
  EXPECT_EQ(run("DEL", container, config()).exit_code, 0);
  expect_nothing_left(&agent);
}

TEST_F(CniAttachTest, TheLogFileSaysWhatHappened) {
  FakeAgent agent(socket_);
  const Container container("one");
  Json logged = config();
  logged["log-file"] = (folder_ / "log").string();
  logged["log-format"] = "json";
  ASSERT_EQ(run("ADD", container, logged).exit_code, 0);
  logged["log-format"] = "text";
  ASSERT_EQ(run("DEL", container, logged).exit_code, 0);
  agent.on_add = [](const auto&) {
    return grpc::Status(grpc::StatusCode::INTERNAL, "because of the test");
  };
  ASSERT_EQ(run("ADD", container, logged).exit_code, 1);
  std::ifstream in(folder_ / "log");
  std::string first, text;
  ASSERT_TRUE(std::getline(in, first));
  EXPECT_EQ(Json::parse(first)["command"], "ADD");
  text.assign(std::istreambuf_iterator<char>(in), {});
  EXPECT_NE(text.find(" warning ADD one eth0: "), std::string::npos) << text;
  EXPECT_NE(text.find("because of the test"), std::string::npos) << text;
}

}  // namespace
}  // namespace policyc::testing
