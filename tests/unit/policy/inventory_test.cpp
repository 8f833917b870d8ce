#include <algorithm>

#include <gtest/gtest.h>

#include "compiler/policy/address_book.h"
#include "tests/unit/policy/validation_support.h"

namespace policyc::policy::test {
namespace {

const Endpoint* endpoint(const ReadRun& run, const std::string& name) {
  const auto& list = run.result.cluster.endpoints;
  const auto found = std::ranges::find_if(
      list, [&](const Endpoint& candidate) { return candidate.full_name() == name; });
  return found == list.end() ? nullptr : &*found;
}

std::vector<std::string> texts(const std::vector<IpAddress>& addresses) {
  std::vector<std::string> result;
  for (const IpAddress& address : addresses) result.push_back(address.to_string());
  return result;
}

using Texts = std::vector<std::string>;

TEST(Inventory, ReadsPods) {
  const ReadRun run = read(R"(apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  serviceAccountName: seller
  containers: [{name: a, ports: [{name: http, containerPort: 8080}, {containerPort: 9}]}]
  initContainers: [{name: b, ports: [{name: dns, containerPort: 53, protocol: UDP}]}]
status: {podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]}
)");
  const Endpoint* web = endpoint(run, "shop/web");
  ASSERT_NE(web, nullptr);
  EXPECT_EQ(web->labels.at("app"), "web");
  EXPECT_EQ(web->service_account, "seller");
  EXPECT_EQ(texts(web->addresses), (Texts{"10.0.0.1", "fd00::1"}));
  ASSERT_EQ(web->ports.size(), 2U);
  EXPECT_EQ(web->ports[0].name, "http");
  EXPECT_EQ(web->ports[0].port, 8080);
  EXPECT_EQ(web->ports[0].protocol, "TCP");
  EXPECT_EQ(web->ports[1].protocol, "UDP");
}

TEST(Inventory, LeavesOutPodsWithoutAnIdentityOfTheirOwn) {
  const ReadRun run = read(R"(apiVersion: v1
kind: Pod
metadata: {name: host}
spec: {hostNetwork: true}
status: {podIP: 192.0.2.1}
---
apiVersion: v1
kind: Pod
metadata: {name: done}
status: {phase: Succeeded, podIP: 10.0.0.9}
)");
  EXPECT_TRUE(run.result.cluster.endpoints.empty());
}

TEST(Inventory, LaterPodReplacesTheEarlierOne) {
  const ReadRun run = read(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {v: \"1\"}}\n---\n"
      "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {v: \"2\"}}\n");
  ASSERT_EQ(run.result.cluster.endpoints.size(), 1U);
  EXPECT_EQ(run.result.cluster.endpoints[0].labels.at("v"), "2");
  EXPECT_EQ(run.result.cluster.endpoints[0].service_account, "default");
}

TEST(Inventory, WorkloadsBecomeEndpointsWithoutAddresses) {
  const std::string spec =
      "spec: {template: {metadata: {labels: {app: a}}, spec: {containers: [{ports: [{name: p, "
      "containerPort: "
      "1}]}]}}}\n";
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"apps/v1", "Deployment"}, {"apps/v1", "StatefulSet"}, {"apps/v1", "DaemonSet"},
      {"apps/v1", "ReplicaSet"}, {"batch/v1", "Job"},        {"v1", "ReplicationController"}};
  for (const auto& [version, kind] : kinds) {
    const ReadRun run =
        read("apiVersion: " + version + "\nkind: " + kind + "\nmetadata: {name: w}\n" + spec);
    const Endpoint* workload = endpoint(run, "default/w");
    ASSERT_NE(workload, nullptr) << kind;
    EXPECT_EQ(workload->labels.at("app"), "a") << kind;
    EXPECT_EQ(workload->ports.at(0).name, "p") << kind;
    EXPECT_TRUE(workload->addresses.empty()) << kind;
  }
  const ReadRun cron = read(
      "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\n"
      "spec: {jobTemplate: {spec: {template: {metadata: {labels: {app: cron}}}}}}\n");
  ASSERT_NE(endpoint(cron, "default/c"), nullptr);
  EXPECT_EQ(endpoint(cron, "default/c")->labels.at("app"), "cron");
}

TEST(Inventory, OwnedReplicaSetIsItsDeployment) {
  const ReadRun run = read(
      "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: w-1, ownerReferences: [{kind: "
      "Deployment, name: w}]}\n"
      "spec: {template: {metadata: {labels: {app: a}}}}\n");
  EXPECT_TRUE(run.result.cluster.endpoints.empty());
  EXPECT_EQ(run.result.skipped_documents, 0U);
}

TEST(Inventory, NamespacesCarryTheirNameAsTheApiServerSetsIt) {
  const ReadRun run = read(
      "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n---\n"
      "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: other}\n");
  const auto& namespaces = run.result.cluster.namespaces;
  ASSERT_EQ(namespaces.size(), 2U);
  EXPECT_EQ(namespaces.at("shop").at("team"), "a");
  EXPECT_EQ(namespaces.at("shop").at("kubernetes.io/metadata.name"), "shop");
  EXPECT_EQ(namespaces.at("other").at("kubernetes.io/metadata.name"), "other");
}

TEST(Inventory, BackendsOfAServiceWithoutSelector) {
  const ReadRun run = read(R"(apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop, labels: {tier: data}}
spec: {ports: [{port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: shop, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.1]}, {addresses: [192.0.2.2]}]
---
apiVersion: v1
kind: Endpoints
metadata: {name: db, namespace: shop}
subsets: [{addresses: [{ip: 192.0.2.2}, {ip: 192.0.2.3}]}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1]}]
)");
  const auto& services = run.result.cluster.services;
  ASSERT_EQ(services.size(), 2U);
  EXPECT_EQ(services[0].name, "db");
  EXPECT_EQ(services[0].labels.at("tier"), "data");
  Texts backends = texts(services[0].backends);
  std::ranges::sort(backends);
  EXPECT_EQ(backends, (Texts{"192.0.2.1", "192.0.2.2", "192.0.2.3"}));
  EXPECT_EQ(services[1].selector.at("app"), "web");
  EXPECT_TRUE(services[1].backends.empty());
}

TEST(Inventory, NodeAndCiliumNodeAreOneNode) {
  const ReadRun run = read(R"(apiVersion: v1
kind: Node
metadata: {name: n1, labels: {role: gw}}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}, {type: Hostname, address: n1}]}
---
apiVersion: cilium.io/v2
kind: CiliumNode
metadata: {name: n1}
spec:
  addresses: [{type: InternalIP, ip: 192.0.2.1}, {type: CiliumInternalIP, ip: 10.1.0.1}]
  health: {ipv4: 10.1.0.2}
  ingress: {ipv4: 10.1.0.3}
)");
  const auto& nodes = run.result.cluster.nodes;
  ASSERT_EQ(nodes.size(), 3U);
  const auto by_role = [&](NodeRole role) {
    return *std::ranges::find_if(nodes, [&](const ClusterNode& node) { return node.role == role; });
  };
  EXPECT_EQ(texts(by_role(NodeRole::RemoteNode).addresses), (Texts{"192.0.2.1", "10.1.0.1"}));
  EXPECT_EQ(by_role(NodeRole::RemoteNode).labels.at("role"), "gw");
  EXPECT_EQ(texts(by_role(NodeRole::Health).addresses), (Texts{"10.1.0.2"}));
  EXPECT_EQ(texts(by_role(NodeRole::Ingress).addresses), (Texts{"10.1.0.3"}));
}

TEST(Inventory, CiliumEndpointGivesLabelsAndAddresses) {
  const ReadRun run = read(R"(apiVersion: cilium.io/v2
kind: CiliumEndpoint
metadata: {name: web, namespace: shop}
status:
  identity:
    id: 1234
    labels:
    - k8s:app=web
    - k8s:io.kubernetes.pod.namespace=shop
    - k8s:io.cilium.k8s.namespace.labels.team=a
    - k8s:io.cilium.k8s.policy.serviceaccount=seller
    - k8s:io.cilium.k8s.policy.cluster=default
  named-ports: [{name: http, port: 8080, protocol: TCP}]
  networking: {addressing: [{ipv4: 10.0.0.5, ipv6: "fd00::5"}]}
)");
  const Endpoint* web = endpoint(run, "shop/web");
  ASSERT_NE(web, nullptr);
  EXPECT_EQ(web->labels, (StringMap{{"app", "web"}}));
  EXPECT_EQ(web->service_account, "seller");
  EXPECT_EQ(web->cluster, "");
  EXPECT_EQ(texts(web->addresses), (Texts{"10.0.0.5", "fd00::5"}));
  EXPECT_EQ(web->ports.at(0).port, 8080);
  EXPECT_EQ(run.result.cluster.namespaces.at("shop").at("team"), "a");
}

// Pods of two clusters may have the same name, and namespaces of the same name other labels.
TEST(Inventory, CiliumEndpointOfAnotherClusterIsAPodOfItsOwn) {
  const ReadRun run = read(R"(apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: here}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
status: {podIP: 10.0.0.1, phase: Running}
---
apiVersion: cilium.io/v2
kind: CiliumEndpoint
metadata: {name: web, namespace: shop}
status:
  identity:
    id: 131072
    labels:
    - k8s:app=web
    - k8s:io.kubernetes.pod.namespace=shop
    - k8s:io.cilium.k8s.namespace.labels.team=there
    - k8s:io.cilium.k8s.policy.cluster=far
  networking: {addressing: [{ipv4: 10.9.0.5}]}
)");
  const Endpoint* own = endpoint(run, "shop/web");
  const Endpoint* far = endpoint(run, "shop/web@far");
  ASSERT_NE(own, nullptr);
  ASSERT_NE(far, nullptr);
  EXPECT_EQ(texts(own->addresses), (Texts{"10.0.0.1"}));
  EXPECT_EQ(texts(far->addresses), (Texts{"10.9.0.5"}));
  EXPECT_EQ(far->cluster, "far");
  EXPECT_EQ(run.result.cluster.namespaces.at("shop").at("team"), "here");
  const Options options;
  const AddressBook book(run.result.cluster, {}, options);
  const LabelSet labels = book.endpoint_labels(*far);
  EXPECT_EQ(labels.find_key("io.cilium.k8s.namespace.labels.team")->value, "there");
  EXPECT_FALSE(labels.has_key("io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name"));
  EXPECT_EQ(labels.find_key(kClusterKey)->value, "far");
  EXPECT_EQ(book.endpoint_labels(*own).find_key("io.cilium.k8s.namespace.labels.team")->value,
            "here");
}

TEST(Inventory, PodWinsOverItsCiliumEndpointButTakesItsAddresses) {
  const ReadRun run = read(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {app: pod}}\n---\n"
      "apiVersion: cilium.io/v2\nkind: CiliumEndpoint\nmetadata: {name: web}\n"
      "status: {identity: {labels: [\"k8s:app=endpoint\"]}, networking: {addressing: [{ipv4: "
      "10.0.0.5}]}}\n");
  ASSERT_EQ(run.result.cluster.endpoints.size(), 1U);
  EXPECT_EQ(run.result.cluster.endpoints[0].labels.at("app"), "pod");
  EXPECT_EQ(texts(run.result.cluster.endpoints[0].addresses), (Texts{"10.0.0.5"}));
}

TEST(Inventory, CiliumIdentityIsAnEndpointWithoutAddresses) {
  const ReadRun run = read(
      "apiVersion: cilium.io/v2\nkind: CiliumIdentity\nmetadata: {name: \"4711\"}\n"
      "security-labels: {\"k8s:app\": db, \"k8s:io.kubernetes.pod.namespace\": shop, "
      "\"k8s:io.cilium.k8s.policy.cluster\": far}\n");
  const Endpoint* identity = endpoint(run, "shop/identity-4711");
  ASSERT_NE(identity, nullptr);
  EXPECT_EQ(identity->labels, (StringMap{{"app", "db"}}));
  EXPECT_EQ(identity->cluster, "far");
  EXPECT_TRUE(identity->addresses.empty());
}

TEST(Inventory, BadAddressIsReportedAtItsPlace) {
  const ReadRun run =
      read("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nstatus: {podIP: 10.0.0.256}\n");
  ASSERT_EQ(run.diagnostics.error_count(), 1U);
  EXPECT_EQ(run.diagnostics.all()[0].id, diag::Id::InvalidInventory);
  EXPECT_EQ(run.sources.file_line_column(run.diagnostics.all()[0].node), "input.yaml:4:17");
  EXPECT_TRUE(run.result.cluster.endpoints.empty());
}

}  // namespace
}  // namespace policyc::policy::test
