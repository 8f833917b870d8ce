// Manifests of services: what is read, and what is refused where.

#include <gmock/gmock.h>

#include "tests/unit/service/reading.h"

namespace policyc::service::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(ServiceReader, ReadsEveryField) {
  Reading run;
  read(R"(apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
  annotations:
    service.cilium.io/lb-algorithm: maglev
    service.cilium.io/forwarding-mode: dsr
    service.cilium.io/type: LoadBalancer
    service.cilium.io/node: beefy
    service.cilium.io/global: "true"
spec:
  type: LoadBalancer
  selector: {app: web}
  clusterIP: 172.20.0.1
  clusterIPs: [172.20.0.1, "fd00:20::1"]
  ipFamilies: [IPv4, IPv6]
  ipFamilyPolicy: PreferDualStack
  externalIPs: [192.0.2.9]
  externalTrafficPolicy: Local
  internalTrafficPolicy: Cluster
  healthCheckNodePort: 30999
  loadBalancerSourceRanges: [198.51.100.0/24, "2001:db8::/32"]
  allocateLoadBalancerNodePorts: true
  publishNotReadyAddresses: true
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}
  trafficDistribution: PreferClose
  ports:
  - {name: http, port: 80, targetPort: web, nodePort: 30080, appProtocol: http}
  - {name: dns, port: 53, targetPort: 5353, protocol: UDP}
status:
  loadBalancer:
    ingress: [{ip: 203.0.113.1}, {ip: 203.0.113.2, ipMode: Proxy}, {hostname: lb.example.com}]
)",
       run);
  EXPECT_EQ(run.rendered(), "");
  ASSERT_THAT(run.objects.services, SizeIs(1));
  const Service& web = run.objects.services[0];
  EXPECT_EQ(web.full_name(), "shop/web");
  EXPECT_EQ(web.type, ServiceType::LoadBalancer);
  EXPECT_THAT(web.cluster_ips,
              ElementsAre(*parse_ip_address("172.20.0.1"), *parse_ip_address("fd00:20::1")));
  EXPECT_THAT(web.external_ips, ElementsAre(*parse_ip_address("192.0.2.9")));
  EXPECT_THAT(web.ingress_ips, ElementsAre(*parse_ip_address("203.0.113.1")));
  EXPECT_THAT(web.source_ranges, SizeIs(2));
  EXPECT_TRUE(web.external_local);
  EXPECT_FALSE(web.internal_local);
  EXPECT_EQ(web.health_check_node_port, 30999);
  EXPECT_EQ(web.affinity_seconds, 60U);
  EXPECT_TRUE(web.v4 && web.v6);
  EXPECT_TRUE(web.publish_not_ready);
  EXPECT_EQ(web.distribution, TrafficDistribution::SameZone);
  EXPECT_EQ(web.maglev, true);
  EXPECT_EQ(web.dsr, true);
  EXPECT_EQ(web.only_type, ServiceType::LoadBalancer);
  EXPECT_EQ(web.only_node, "beefy");
  ASSERT_THAT(web.ports, SizeIs(2));
  EXPECT_EQ(web.ports[0].name, "http");
  EXPECT_EQ(web.ports[0].node_port, 30080);
  EXPECT_EQ(web.ports[1].protocol, 17);
  EXPECT_EQ(web.ports[1].port, 53);
}

TEST(ServiceReader, DefaultsOfASession) {
  Reading run;
  read(R"(apiVersion: v1
kind: Service
metadata: {name: a}
spec: {clusterIP: 10.0.0.1, sessionAffinity: ClientIP, ports: [{port: 80}]}
)",
       run);
  ASSERT_THAT(run.objects.services, SizeIs(1));
  EXPECT_EQ(run.objects.services[0].affinity_seconds, 10800U);
  EXPECT_EQ(run.objects.services[0].full_name(), "default/a");
  EXPECT_FALSE(run.objects.services[0].maglev);
}

TEST(ServiceReader, ConditionsOfEndpoints) {
  Reading run;
  read(R"(apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: web-1
  namespace: shop
  labels: {kubernetes.io/service-name: web}
  annotations: {service.cilium.io/weight: "7"}
addressType: IPv4
ports: [{name: http, port: 8080}, {name: any}]
endpoints:
- {addresses: [10.0.0.1], nodeName: n1, zone: a, hints: {forZones: [{name: a}], forNodes: [{name: n1}]}}
- {addresses: [10.0.0.2], conditions: {ready: false}}
- {addresses: [10.0.0.3], conditions: {ready: false, serving: true, terminating: true}}
- {addresses: [10.0.0.4], conditions: {ready: null, serving: null}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: names, labels: {kubernetes.io/service-name: web}}
addressType: FQDN
endpoints: [{addresses: [example.com]}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: of-nobody}
addressType: IPv4
)",
       run);
  EXPECT_EQ(run.rendered(), "");
  ASSERT_THAT(run.objects.slices, SizeIs(1));
  const EndpointSlice& slice = run.objects.slices[0];
  EXPECT_EQ(slice.service, "web");
  EXPECT_EQ(slice.weight, 7U);
  ASSERT_THAT(slice.ports, SizeIs(1));
  EXPECT_EQ(slice.ports[0].port, 8080);
  ASSERT_THAT(slice.endpoints, SizeIs(4));
  EXPECT_TRUE(slice.endpoints[0].ready && slice.endpoints[0].serving);
  EXPECT_EQ(slice.endpoints[0].node_name, "n1");
  EXPECT_THAT(slice.endpoints[0].for_zones, ElementsAre("a"));
  EXPECT_THAT(slice.endpoints[0].for_nodes, ElementsAre("n1"));
  EXPECT_FALSE(slice.endpoints[1].ready || slice.endpoints[1].serving);
  EXPECT_TRUE(slice.endpoints[2].serving && slice.endpoints[2].terminating);
  EXPECT_TRUE(slice.endpoints[3].ready);
}

TEST(ServiceReader, EndpointsPodsAndNodes) {
  Reading run;
  read(R"(apiVersion: v1
kind: Endpoints
metadata: {name: db}
subsets:
- addresses: [{ip: 10.0.0.1, nodeName: n1}]
  notReadyAddresses: [{ip: 10.0.0.2}]
  ports: [{port: 5432}]
---
apiVersion: v1
kind: Pod
metadata: {name: proxy}
spec:
  nodeName: n1
  containers: [{name: a, ports: [{containerPort: 80, hostPort: 8080}, {containerPort: 81}, {containerPort: 53, hostPort: 53, protocol: UDP, hostIP: 192.0.2.1}]}]
status: {phase: Running, podIP: 10.0.0.9, podIPs: [{ip: 10.0.0.9}, {ip: "fd00::9"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: host}
spec: {hostNetwork: true, containers: [{name: a, ports: [{containerPort: 80, hostPort: 80}]}]}
status: {podIP: 192.0.2.1}
---
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {topology.kubernetes.io/zone: a}}
status: {addresses: [{type: Hostname, address: n1}, {type: InternalIP, address: 192.0.2.1}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: other}
)",
       run);
  EXPECT_EQ(run.rendered(), "");
  ASSERT_THAT(run.objects.slices, SizeIs(1));
  EXPECT_TRUE(run.objects.slices[0].legacy);
  EXPECT_EQ(run.objects.slices[0].service, "db");
  EXPECT_FALSE(run.objects.slices[0].endpoints[1].ready);
  ASSERT_THAT(run.objects.pods, SizeIs(1));
  const HostPortPod& pod = run.objects.pods[0];
  ASSERT_THAT(pod.ports, SizeIs(2));
  EXPECT_EQ(pod.ports[0].port, 8080);
  EXPECT_EQ(pod.ports[0].container, 80);
  EXPECT_EQ(pod.ports[1].protocol, 17);
  EXPECT_EQ(pod.ports[1].address, *parse_ip_address("192.0.2.1"));
  EXPECT_THAT(pod.addresses, SizeIs(2));
  ASSERT_THAT(run.objects.nodes, SizeIs(1));
  EXPECT_THAT(run.objects.nodes[0].addresses, SizeIs(1));
}

TEST(ServiceReader, ALaterDocumentReplacesAnEarlierOne) {
  Reading run;
  read(R"(apiVersion: v1
kind: Service
metadata: {name: a}
spec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {clusterIP: 10.0.0.1, ports: [{port: 81}]}
)",
       run);
  ASSERT_THAT(run.objects.services, SizeIs(1));
  EXPECT_EQ(run.objects.services[0].ports[0].port, 81);
}

// A service without an address of its own is none that a node can balance; it is worth a word.
TEST(ServiceReader, AServiceWithoutAnAddressIsAWarning) {
  Reading run;
  read(R"(apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{port: 80}]}
)",
       run);
  ASSERT_THAT(run.diagnostics.all(), SizeIs(1));
  EXPECT_EQ(run.diagnostics.all()[0].id, diag::Id::ServiceWithoutAddress);
  EXPECT_FALSE(run.diagnostics.has_errors());
  EXPECT_THAT(run.objects.services, SizeIs(1));
}

struct Refusal {
  std::string name;
  std::string spec;  // of a Service, from line 5 on
  std::string message;
  std::string place;  // line:column
};
void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }
std::string case_name(const ::testing::TestParamInfo<Refusal>& refusal) {
  return refusal.param.name;
}

class RefusedService : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedService, SaysWhereAndWhy) {
  Reading run;
  read("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n" + GetParam().spec, run);
  EXPECT_THAT(run.objects.services, IsEmpty());
  EXPECT_THAT(run.rendered(), HasSubstr("s.yaml:" + GetParam().place + ": error: "));
  EXPECT_THAT(run.rendered(), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, RefusedService,
    ::testing::Values(
        Refusal{"unknown_field", "  clusterIP: 10.0.0.1\n  ports: [{prot: 80, port: 1}]\n",
                "unknown field `prot`", "6:12"},
        Refusal{"port_type", "  ports: [{port: http}]\n", "`port`", "5:18"},
        Refusal{"port_range", "  ports: [{port: 65536}]\n", "65535", "5:18"},
        Refusal{"port_missing", "  ports: [{name: a}]\n", "port", "5:11"},
        Refusal{"protocol", "  ports: [{port: 1, protocol: ICMP}]\n", "ICMP", "5:31"},
        Refusal{"type", "  type: Anycast\n", "Anycast", "5:9"},
        Refusal{"cluster_ip", "  clusterIP: 10.0.0\n  ports: [{port: 1}]\n",
                "`10.0.0` is not an IP address [PC0602 ", "5:14"},
        Refusal{"first_ip",
                "  clusterIP: 10.0.0.1\n  clusterIPs: [10.0.0.2]\n  ports: [{port: 1}]\n",
                "differs from `clusterIP`", "6:16"},
        Refusal{"one_family", "  clusterIPs: [10.0.0.2, 10.0.0.3]\n  ports: [{port: 1}]\n",
                "two cluster addresses are of one family", "5:3"},
        Refusal{"family", "  clusterIPs: [10.0.0.2]\n  ipFamilies: [IPv6]\n  ports: [{port: 1}]\n",
                "`IPv6` is not the family of `10.0.0.2`", "6:16"},
        Refusal{"no_ports", "  clusterIP: 10.0.0.1\n", "the service has no ports", "5:3"},
        Refusal{"no_name", "  clusterIP: 10.0.0.1\n  ports: [{port: 1}, {port: 2, name: b}]\n",
                "one of several ports has no name", "6:11"},
        Refusal{"same_name",
                "  clusterIP: 10.0.0.1\n  ports: [{port: 1, name: b}, {port: 2, name: b}]\n",
                "the name `b` is given to two ports", "6:31"},
        Refusal{"same_port",
                "  clusterIP: 10.0.0.1\n  ports: [{port: 1, name: a}, {port: 1, name: b}]\n",
                "port 1 is there twice", "6:31"},
        Refusal{"node_port", "  clusterIP: 10.0.0.1\n  ports: [{port: 1, nodePort: 30000}]\n",
                "has a node port", "6:11"},
        Refusal{"external_ip",
                "  clusterIP: 10.0.0.1\n  externalIPs: [127.0.0.1]\n  ports: [{port: 1}]\n",
                "may not be an external address", "6:3"},
        Refusal{
            "source_range",
            "  type: LoadBalancer\n  clusterIP: 10.0.0.1\n  loadBalancerSourceRanges: [10.0.0.0]\n"
            "  ports: [{port: 1}]\n",
            "`10.0.0.0` is not a prefix", "7:30"},
        Refusal{"ranges_of_cluster_ip",
                "  clusterIP: 10.0.0.1\n  loadBalancerSourceRanges: [10.0.0.0/8]\n"
                "  ports: [{port: 1}]\n",
                "only a service of type `LoadBalancer` has source ranges", "6:3"},
        Refusal{"local_without_outside",
                "  clusterIP: 10.0.0.1\n  externalTrafficPolicy: Local\n  ports: [{port: 1}]\n",
                "no address that is reached from outside", "6:3"},
        Refusal{"policy", "  externalTrafficPolicy: Node\n", "Node", "5:26"},
        Refusal{"health_port",
                "  type: NodePort\n  clusterIP: 10.0.0.1\n  healthCheckNodePort: 3\n"
                "  ports: [{port: 1}]\n",
                "only a service of type `LoadBalancer`", "7:3"},
        Refusal{"affinity", "  sessionAffinity: Cookie\n", "Cookie", "5:20"},
        Refusal{"affinity_time",
                "  clusterIP: 10.0.0.1\n  sessionAffinity: ClientIP\n"
                "  sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}\n  ports: [{port: 1}]\n",
                "0", "7:54"},
        Refusal{"distribution", "  trafficDistribution: Near\n", "Near", "5:24"}),
    case_name);

class RefusedAnnotation : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedAnnotation, SaysWhereAndWhy) {
  Reading run;
  read(
      "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  annotations:\n    "
      "service.cilium.io/" +
          GetParam().spec + "\nspec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}\n",
      run);
  EXPECT_THAT(run.objects.services, IsEmpty());
  EXPECT_THAT(run.rendered(), HasSubstr("s.yaml:" + GetParam().place + ": error: "));
  EXPECT_THAT(run.rendered(), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, RefusedAnnotation,
    ::testing::Values(Refusal{"algorithm", "lb-algorithm: ring", "neither `random` nor `maglev`",
                              "6:37"},
                      Refusal{"mode", "forwarding-mode: ipip", "neither `snat` nor `dsr`", "6:40"},
                      Refusal{"type", "type: ExternalName", "neither", "6:29"},
                      Refusal{"deny", "src-ranges-policy: deny", "PC0604", "6:42"},
                      Refusal{"delegate", "proxy-delegation: delegate-if-local", "PC0604", "6:41"},
                      Refusal{"selector", "node-selector: a=b", "PC0604", "6:38"}),
    case_name);

class RefusedSlice : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedSlice, SaysWhereAndWhy) {
  Reading run;
  read(
      "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: a\n"
      "  labels: {kubernetes.io/service-name: web}\n" +
          GetParam().spec,
      run);
  EXPECT_THAT(run.objects.slices, IsEmpty());
  EXPECT_THAT(run.rendered(), HasSubstr("s.yaml:" + GetParam().place + ": error: "));
  EXPECT_THAT(run.rendered(), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, RefusedSlice,
    ::testing::Values(
        Refusal{"type", "addressType: IPX\n", "IPX", "6:14"},
        Refusal{"address", "addressType: IPv4\nendpoints: [{addresses: [10.0.0]}]\n",
                "is not an IP address [PC0603 ", "7:26"},
        Refusal{"family", "addressType: IPv4\nendpoints: [{addresses: [\"fd00::1\"]}]\n",
                "is not of the slice's `addressType`", "7:26"},
        Refusal{
            "condition",
            "addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], conditions: {ready: yep}}]\n",
            "ready", "7:57"},
        Refusal{"ports", "addressType: IPv4\nports: [{name: a, port: 1}, {name: a, port: 2}]\n",
                "the name `a` is given to two ports", "7:29"},
        Refusal{"no_addresses", "addressType: IPv4\nendpoints: [{addresses: []}]\n", "addresses",
                "7:25"},
        Refusal{"weight", "  annotations: {service.cilium.io/weight: heavy}\naddressType: IPv4\n",
                "is not a weight", "6:43"}),
    case_name);

TEST(ServiceReader, SubsetsWithDifferentPortsAreRefused) {
  Reading run;
  read(R"(apiVersion: v1
kind: Endpoints
metadata: {name: db}
subsets:
- {addresses: [{ip: 10.0.0.1}], ports: [{port: 1}]}
- {addresses: [{ip: 10.0.0.2}], ports: [{port: 2}]}
)",
       run);
  EXPECT_THAT(run.objects.slices, IsEmpty());
  EXPECT_THAT(run.rendered(), HasSubstr("s.yaml:6:3: error: subsets with different ports"));
}

}  // namespace
}  // namespace policyc::service::test
