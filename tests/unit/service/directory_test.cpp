// From objects to what a node balances.

#include "tests/unit/service/directory_view.h"

namespace policyc::service::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST(Directory, AClusterIpIsForTheClusterAlone) {
  const auto service = web("  {clusterIP: 172.20.0.1, ports: [{name: http, port: 80}]}");
  EXPECT_THAT(texts(service), ElementsAre("172.20.0.1 80"));
  const Frontend& frontend = service.frontends[0];
  EXPECT_FALSE(frontend.external);
  EXPECT_EQ(frontend.flags, 0U);
  EXPECT_TRUE(frontend.own_address);
  EXPECT_THAT(takers(service, frontend.internal), ElementsAre("10.0.0.1", "10.0.0.2"));
  const Backend& first = service.sets[0].backends[0];
  EXPECT_EQ(first.port, 8080);
  EXPECT_TRUE(first.local);
  EXPECT_FALSE(service.sets[0].backends[1].local);
}

TEST(Directory, NodePortsAreOnEveryAddressOfTheNode) {
  const auto service = web(
      "  {type: NodePort, clusterIPs: [172.20.0.1, \"fd00::1\"], ipFamilies: [IPv4, IPv6], ports: "
      "[{name: http, port: 80, nodePort: 30080}]}");
  EXPECT_THAT(texts(service),
              UnorderedElementsAre("172.20.0.1 80", "192.0.2.1 30080", "0.0.0.0 30080",
                                   "fd00::1 80", "2001:db8::1 30080", ":: 30080"));
  // What stands at no address is for sockets.
  EXPECT_EQ(at(service, "0.0.0.0").flags, FRONTEND_NODE_PORT);
  EXPECT_FALSE(at(service, "0.0.0.0").external);
  EXPECT_FALSE(at(service, "0.0.0.0").own_address);
  EXPECT_EQ(at(service, "0.0.0.0").internal, at(service, "192.0.2.1").internal);
  const Frontend& frontend = at(service, "192.0.2.1");
  EXPECT_EQ(frontend.flags, FRONTEND_NODE_PORT);
  EXPECT_FALSE(frontend.own_address);
  EXPECT_EQ(frontend.external, frontend.internal);
  // There are no endpoints of this family: the frontend is there, and refuses.
  EXPECT_THAT(takers(service, at(service, "2001:db8::1").internal), IsEmpty());
}

TEST(Directory, ALoadBalancerHasAllKindsOfFrontends) {
  const auto service = web(R"(  type: LoadBalancer
  clusterIP: 172.20.0.1
  externalIPs: [198.51.100.1, 192.0.2.1]
  loadBalancerSourceRanges: [10.1.0.0/16]
  ports: [{name: http, port: 80, nodePort: 30080}]
status: {loadBalancer: {ingress: [{ip: 203.0.113.1}]}}
)");
  EXPECT_THAT(texts(service),
              UnorderedElementsAre("172.20.0.1 80", "192.0.2.1 30080", "0.0.0.0 30080",
                                   "203.0.113.1 80", "198.51.100.1 80", "192.0.2.1 80"));
  const Frontend& balancer = at(service, "203.0.113.1");
  EXPECT_EQ(balancer.flags, FRONTEND_LOAD_BALANCER | FRONTEND_SOURCE_RANGES);
  EXPECT_THAT(balancer.source_ranges, ElementsAre(*parse_ip_prefix("10.1.0.0/16")));
  EXPECT_TRUE(balancer.own_address);
  const Frontend& external = at(service, "198.51.100.1");
  EXPECT_EQ(external.flags, FRONTEND_EXTERNAL_IP);
  EXPECT_THAT(external.source_ranges, IsEmpty());
  // An address of the node is never the services' alone.
  EXPECT_TRUE(std::ranges::none_of(service.frontends, [](const Frontend& frontend) {
    return frontend.address == *parse_ip_address("192.0.2.1") && frontend.own_address;
  }));
}

TEST(Directory, ATypeMayBeExposedAlone) {
  const auto all = directory(R"(apiVersion: v1
kind: Service
metadata: {name: web, annotations: {service.cilium.io/type: LoadBalancer}}
spec:
  type: LoadBalancer
  clusterIP: 172.20.0.1
  ports: [{name: http, port: 80, nodePort: 30080}]
status: {loadBalancer: {ingress: [{ip: 203.0.113.1}]}}
)" + std::string(kSlice))
                       .all();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_THAT(texts(all[0]), ElementsAre("203.0.113.1 80"));
}

TEST(Directory, RangesOfOneFamilyCloseTheOther) {
  const auto service = web(R"(  type: LoadBalancer
  clusterIPs: [172.20.0.1, "fd00::1"]
  loadBalancerSourceRanges: [10.1.0.0/16]
  ports: [{name: http, port: 80}]
status: {loadBalancer: {ingress: [{ip: "2001:db8::9"}]}}
)");
  const Frontend& six = at(service, "2001:db8::9");
  EXPECT_TRUE(six.flags & FRONTEND_SOURCE_RANGES);
  EXPECT_THAT(six.source_ranges, IsEmpty());
}

TEST(Directory, TrafficPoliciesAreOfScopes) {
  const auto external =
      web("  {type: NodePort, clusterIP: 172.20.0.1, externalTrafficPolicy: Local, ports: [{name: "
          "http, "
          "port: 80, nodePort: 30080}]}");
  const Frontend& port = at(external, "192.0.2.1");
  EXPECT_THAT(takers(external, port.external), ElementsAre("10.0.0.1"));
  EXPECT_THAT(takers(external, port.internal), ElementsAre("10.0.0.1", "10.0.0.2"));
  EXPECT_THAT(takers(external, at(external, "172.20.0.1").internal),
              ElementsAre("10.0.0.1", "10.0.0.2"));
  EXPECT_TRUE(external.sets[*port.external].local_only);

  const auto internal =
      web("  {type: NodePort, clusterIP: 172.20.0.1, internalTrafficPolicy: Local, ports: [{name: "
          "http, "
          "port: 80, nodePort: 30080}]}");
  EXPECT_THAT(takers(internal, at(internal, "172.20.0.1").internal), ElementsAre("10.0.0.1"));
  EXPECT_THAT(takers(internal, at(internal, "192.0.2.1").external),
              ElementsAre("10.0.0.1", "10.0.0.2"));
}

TEST(Directory, HeadlessAndExternalNamesAreNotBalanced) {
  EXPECT_THAT(directory("apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
                        "spec: {clusterIP: None, ports: [{name: http, port: 80}]}\n" +
                        std::string(kSlice))
                  .all(),
              IsEmpty());
  EXPECT_THAT(directory("apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
                        "spec: {type: ExternalName, externalName: example.com}\n")
                  .all(),
              IsEmpty());
  EXPECT_THAT(directory("apiVersion: v1\nkind: Service\nmetadata: {name: web, labels: "
                        "{service.kubernetes.io/headless: \"\"}}\n"
                        "spec: {clusterIP: 172.20.0.1, ports: [{name: http, port: 80}]}\n")
                  .all(),
              IsEmpty());
}

TEST(Directory, AlgorithmAndModeAreOfFrontendsFromOutside) {
  const std::string text =
      "apiVersion: v1\nkind: Service\nmetadata: {name: web, annotations: {ANNOTATION}}\nspec: "
      "{type: "
      "NodePort, clusterIP: 172.20.0.1, ports: [{name: http, port: 80, nodePort: 30080}]}\n";
  const auto flags = [&](const std::string& annotation, const Defaults& defaults) {
    std::string with = text;
    with.replace(with.find("ANNOTATION"), 10, annotation);
    const auto all = directory(with, node(), defaults).all();
    EXPECT_EQ(at(all[0], "172.20.0.1").flags, 0U);
    return at(all[0], "192.0.2.1").flags & ~FRONTEND_NODE_PORT;
  };
  EXPECT_EQ(flags("", {}), 0U);
  EXPECT_EQ(flags("", {.maglev = true, .forwarding = Forwarding::Dsr}),
            FRONTEND_MAGLEV | FRONTEND_DSR);
  EXPECT_EQ(flags("service.cilium.io/lb-algorithm: maglev", {}), FRONTEND_MAGLEV);
  EXPECT_EQ(flags("service.cilium.io/lb-algorithm: random", {.maglev = true}), 0U);
  EXPECT_EQ(flags("service.cilium.io/forwarding-mode: dsr", {}), FRONTEND_DSR);
  EXPECT_EQ(flags("service.cilium.io/forwarding-mode: snat", {.forwarding = Forwarding::Hybrid}),
            0U);
}

TEST(Directory, HybridIsDirectForTcpAlone) {
  const auto all =
      directory(
          "apiVersion: v1\nkind: Service\nmetadata: {name: dns}\nspec: {type: NodePort, clusterIP: "
          "172.20.0.1, ports: [{name: tcp, port: 53, nodePort: 30053}, {name: udp, protocol: UDP, "
          "port: 53, nodePort: 30053}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: "
          "p}\nspec: "
          "{nodeName: n1, containers: [{ports: [{containerPort: 53, hostPort: 53}, {protocol: UDP, "
          "containerPort: 53, hostPort: 53}]}]}\nstatus: {phase: Running, podIP: 10.0.0.1}\n",
          node(), {.forwarding = Forwarding::Hybrid})
          .all();
  std::size_t seen = 0;
  for (const DesiredService& one : all) {
    for (const Frontend& frontend : one.frontends) {
      if (frontend.address != *parse_ip_address("192.0.2.1")) continue;
      ++seen;
      EXPECT_EQ((frontend.flags & FRONTEND_DSR) != 0, frontend.protocol == 6);
    }
  }
  EXPECT_EQ(seen, 4U) << "two ports of a service and two of a pod";
}

TEST(Directory, ClientsOfAFamilyWithoutEndpointsGetThoseOfTheOther) {
  const std::string service =
      "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer, "
      "ipFamilies: [IPv4, IPv6], ipFamilyPolicy: RequireDualStack, clusterIPs: [172.20.0.1, "
      "\"fd00:20::1\"], externalIPs: [\"2001:db8:9::1\"], ports: [{name: http, port: 80, nodePort: "
      "30080}]}\nstatus: {loadBalancer: {ingress: [{ip: 203.0.113.1}, {ip: "
      "\"2001:db8:5::1\"}]}}\n";
  const std::string sixth = R"(---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-2, labels: {kubernetes.io/service-name: web}}
addressType: IPv6
ports: [{name: http, port: 8080}]
endpoints: [{addresses: ["fd00::1"]}]
)";
  const auto build = [&](const std::string& slices, const Defaults& defaults) {
    return directory(service + slices, node(), defaults).all()[0];
  };
  const Defaults on{.forwarding = Forwarding::Dsr, .nat46x64 = true};
  const std::vector<std::string> outside{"2001:db8::1", "2001:db8:5::1", "2001:db8:9::1"};
  const DesiredService crossed = build(kSlice, on);
  for (const std::string& address : outside) {
    const Frontend& frontend = at(crossed, address);
    EXPECT_EQ(frontend.flags & (FRONTEND_OTHER_FAMILY | FRONTEND_DSR), FRONTEND_OTHER_FAMILY);
    EXPECT_THAT(takers(crossed, frontend.external), ElementsAre("10.0.0.1", "10.0.0.2"));
    EXPECT_EQ(frontend.external, at(crossed, "203.0.113.1").external) << "one set";
    // Pods are not translated.
    EXPECT_THAT(takers(crossed, frontend.internal), IsEmpty());
  }
  EXPECT_EQ(at(crossed, "fd00:20::1").flags, 0U);
  EXPECT_EQ(at(crossed, "203.0.113.1").flags & (FRONTEND_OTHER_FAMILY | FRONTEND_DSR),
            FRONTEND_DSR);
  // Not unasked, and not where the family has an endpoint of its own.
  const DesiredService plain = build(kSlice, {});
  const DesiredService both = build(kSlice + sixth, on);
  for (const std::string& address : outside) {
    EXPECT_EQ(at(plain, address).flags & FRONTEND_OTHER_FAMILY, 0U);
    EXPECT_THAT(takers(plain, at(plain, address).external), IsEmpty());
    EXPECT_EQ(at(both, address).flags & FRONTEND_OTHER_FAMILY, 0U);
    EXPECT_THAT(takers(both, at(both, address).external), ElementsAre("fd00::1"));
  }
}

TEST(Directory, AServiceMayBeOfSomeNodesAlone) {
  const std::string text =
      "apiVersion: v1\nkind: Service\nmetadata: {name: web, annotations: {service.cilium.io/node: "
      "beefy}}\nspec: {clusterIP: 172.20.0.1, ports: [{name: http, port: 80}]}\n";
  EXPECT_THAT(directory(text).all(), IsEmpty());
  NodeView labelled = node();
  labelled.labels["service.cilium.io/node"] = "beefy";
  EXPECT_THAT(directory(text, labelled).all(), SizeIs(1));
}

TEST(Directory, HostPortsAreOfPodsOnThisNode) {
  const std::string pod = R"(apiVersion: v1
kind: Pod
metadata: {name: proxy}
spec:
  nodeName: NODE
  containers: [{name: a, ports: [{containerPort: 80, hostPort: 8080}, {containerPort: 53, hostPort: 53, protocol: UDP, hostIP: 192.0.2.7}]}]
status: {podIPs: [{ip: 10.0.0.9}, {ip: "fd00::9"}]}
)";
  const auto on = [&](const std::string& name) {
    std::string text = pod;
    text.replace(text.find("NODE"), 4, name);
    return directory(text).all();
  };
  EXPECT_THAT(on("n2"), IsEmpty());
  const auto all = on("n1");
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_THAT(texts(all[0]),
              ElementsAre("192.0.2.1 8080", "0.0.0.0 8080", "2001:db8::1 8080", ":: 8080"));
  EXPECT_EQ(at(all[0], "::").flags, FRONTEND_HOST_PORT);
  EXPECT_FALSE(at(all[0], "::").external);
  EXPECT_THAT(takers(all[0], at(all[0], "::").internal), ElementsAre("fd00::9"));
  const Frontend& frontend = all[0].frontends[0];
  EXPECT_EQ(frontend.flags, FRONTEND_HOST_PORT);
  EXPECT_FALSE(frontend.own_address);
  EXPECT_EQ(frontend.external, frontend.internal);
  EXPECT_THAT(takers(all[0], frontend.external), ElementsAre("10.0.0.9"));
}

TEST(Directory, AHostPortAtALoopbackAddressIsForTheNodeAlone) {
  const auto service = [](const std::string& address) {
    return directory(
               "apiVersion: v1\nkind: Pod\nmetadata: {name: proxy}\nspec: {nodeName: n1, "
               "containers: [{name: a, ports: [{containerPort: 80, hostPort: 8080, hostIP: \"" +
               address + "\"}]}]}\nstatus: {podIPs: [{ip: 10.0.0.9}, {ip: \"fd00::9\"}]}\n")
        .all();
  };
  for (const auto& [address, any] : {std::pair{"127.0.0.1", "0.0.0.0"}, std::pair{"::1", "::"}}) {
    const auto all = service(address);
    ASSERT_THAT(all, SizeIs(1)) << address;
    ASSERT_THAT(texts(all[0]), ElementsAre(std::string(any) + " 8080"));
    EXPECT_EQ(at(all[0], any).flags, FRONTEND_HOST_PORT | FRONTEND_LOOPBACK);
    EXPECT_FALSE(at(all[0], any).external);
  }
  EXPECT_THAT(service("192.0.2.9"), IsEmpty()) << "an address that is not the node's";
}

TEST(Directory, NodePortsNeedNoAddressOfTheNodeForSockets) {
  NodeView nowhere = node();
  nowhere.addresses.clear();
  const auto service = web(
      "  {type: NodePort, clusterIP: 172.20.0.1, ports: [{name: http, port: 80, nodePort: 30080}]}",
      kSlice, nowhere);
  EXPECT_THAT(texts(service), UnorderedElementsAre("172.20.0.1 80", "0.0.0.0 30080"));
}

TEST(Directory, EndpointsCountWhereThereIsNoSlice) {
  const std::string endpoints =
      "---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\nsubsets: [{addresses: [{ip: "
      "10.0.0.9}], ports: [{name: http, port: 9090}]}]\n";
  EXPECT_THAT(takers(web(kSpec, endpoints), 0), ElementsAre("10.0.0.9"));
  EXPECT_THAT(takers(web(kSpec, endpoints + kSlice), 0), ElementsAre("10.0.0.1", "10.0.0.2"));
}

TEST(Directory, HealthChecksCountTheEndpointsOfTheNode) {
  const std::string service =
      "apiVersion: v1\nkind: Service\nmetadata: {name: web, annotations: {ANNOTATION}}\nspec: "
      "{type: LoadBalancer, clusterIP: 172.20.0.1, externalTrafficPolicy: Local, "
      "healthCheckNodePort: 31000, ports: [{name: http, port: 80}]}\n";
  const auto checks = [&](const std::string& slices, const std::string& annotation = "",
                          const NodeView& view = node()) {
    std::string with = service;
    with.replace(with.find("ANNOTATION"), 10, annotation);
    return directory(with + slices, view).health_checks();
  };
  const HealthCheck none{"default", "web", 31000, 0};
  HealthCheck some = none;
  some.local_endpoints = 2;
  EXPECT_THAT(checks(""), ElementsAre(none));
  const std::string here = "- {addresses: [10.0.0.1], nodeName: n1}\n";
  const std::string second = "- {addresses: [10.0.0.3], nodeName: n1}\n";
  const std::string unready =
      "- {addresses: [10.0.0.4], nodeName: n1, conditions: {ready: false}}\n";
  const std::string there = "- {addresses: [10.0.0.2], nodeName: n2}\n";
  const std::string six =
      "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: six, labels: "
      "{kubernetes.io/service-name: web}}\naddressType: IPv6\nports: [{name: http, port: 8080}]\n"
      "endpoints: [{addresses: [\"fd00::1\"], nodeName: n1}]\n";
  EXPECT_THAT(checks(slice(here + second + unready + there) + slice(here, "again") + six),
              ElementsAre(some));
  EXPECT_THAT(checks(slice(here + second, "a", "{service.cilium.io/weight: \"0\"}")),
              ElementsAre(none));
  NodeView nameless = node();
  nameless.name.clear();
  EXPECT_THAT(checks(slice("- {addresses: [10.0.0.1]}\n"), "", nameless), ElementsAre(none));
  EXPECT_THAT(checks(slice(here), "service.cilium.io/node: beefy"), IsEmpty());
}

TEST(Directory, ObjectsComeAndGo) {
  Directory one = directory("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n" +
                            std::string(kSpec) + "\n");
  EXPECT_THAT(takers(*one.desired("default/web"), 0), IsEmpty());
  Reading run;
  read(kSlice, run);
  EXPECT_EQ(one.upsert(run.objects.slices.at(0)), "default/web");
  EXPECT_THAT(takers(*one.desired("default/web"), 0), SizeIs(2));
  EXPECT_EQ(one.remove_slice("default", "other", false), "");
  EXPECT_EQ(one.remove_slice("default", "web-1", false), "default/web");
  EXPECT_THAT(takers(*one.desired("default/web"), 0), IsEmpty());
  EXPECT_EQ(one.remove_service("default", "web"), "default/web");
  EXPECT_FALSE(one.desired("default/web"));
}

}  // namespace
}  // namespace policyc::service::test
