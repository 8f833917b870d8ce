#pragma once
// What the agent is told in benchmarks.

#include <sstream>
#include <string>

namespace policyc::bench {

inline std::string address_of(unsigned number) {
  return "10." + std::to_string(1 + number / 62500) + "." + std::to_string(number / 250 % 250) +
         "." + std::to_string(1 + number % 250);
}

// Pod i is of group i % groups.
inline std::string pods(unsigned count, unsigned groups) {
  std::ostringstream text;
  text << "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n";
  for (unsigned i = 0; i < count; ++i) {
    text << "apiVersion: v1\nkind: Pod\nmetadata: {name: p" << i
         << ", namespace: shop, labels: {app: web, group: g" << i % groups
         << "}}\nspec: {nodeName: n1, containers: [{name: c, image: i}]}\nstatus: {podIP: "
         << address_of(i) << ", podIPs: [{ip: " << address_of(i) << "}], phase: Running}\n---\n";
  }
  return text.str();
}

// A policy for each group, all of another text when `port` is another.
inline std::string policies(unsigned groups, unsigned port) {
  std::ostringstream text;
  for (unsigned i = 0; i < groups; ++i) {
    text << "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: g" << i
         << ", namespace: shop}\nspec:\n  endpointSelector: {matchLabels: {group: g" << i
         << "}}\n  ingress:\n  - fromEndpoints: [{matchLabels: {group: g" << (i + 1) % groups
         << "}}]\n    toPorts: [{ports: [{port: \"" << port + i << "\", protocol: TCP}]}]\n---\n";
  }
  return text.str();
}

// A pod of another node, as its manifest or as the API server has it.
inline std::string remote_pod(unsigned number, const std::string& app, bool json) {
  const std::string name = "r" + std::to_string(number);
  const std::string address = address_of(number);
  if (json) {
    return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
           R"(","namespace":"shop","labels":{"app":")" + app +
           R"("}},"spec":{"nodeName":"n2","containers":[{"name":"c","image":"i"}]},"status":{"podIP":")" +
           address + R"(","podIPs":[{"ip":")" + address + "\"}],\"phase\":\"Running\"}}\n";
  }
  return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name +
         ", namespace: shop, labels: {app: " + app +
         "}}\nspec: {nodeName: n2, containers: [{name: c, image: i}]}\nstatus: {podIP: " + address +
         ", podIPs: [{ip: " + address + "}], phase: Running}\n---\n";
}

// A pod as an agent publishes it.
inline std::string published_pod(unsigned number, const std::string& app,
                                 const std::string& cluster, bool json) {
  const std::string name = "r" + std::to_string(number);
  const std::string labels = "\"k8s:app=" + app +
                             "\",\"k8s:io.kubernetes.pod.namespace=shop\","
                             "\"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name="
                             "shop\",\"k8s:io.cilium.k8s.policy.cluster=" +
                             cluster + "\"";
  const std::string address = address_of(number);
  if (json) {
    return R"({"apiVersion":"cilium.io/v2","kind":"CiliumEndpoint","metadata":{"name":")" + name +
           R"(","namespace":"shop"},"status":{"identity":{"labels":[)" + labels +
           R"(]},"networking":{"addressing":[{"ipv4":")" + address + "\"}]}}}\n";
  }
  return "apiVersion: cilium.io/v2\nkind: CiliumEndpoint\nmetadata: {name: " + name +
         ", namespace: shop}\nstatus:\n  identity: {labels: [" + labels +
         "]}\n  networking: {addressing: [{ipv4: " + address + "}]}\n---\n";
}

// What else there is in a large cluster: nodes, namespaces, policies for other nodes' pods, and
// prefixes that a policy names.
struct Surroundings {
  unsigned nodes = 1000;
  unsigned namespaces = 500;
  unsigned policies = 2000;
  unsigned prefixes = 5000;
};

inline std::string surroundings(const Surroundings& counts) {
  std::ostringstream text;
  for (unsigned i = 0; i < counts.nodes; ++i) {
    text << "apiVersion: v1\nkind: Node\nmetadata: {name: w" << i
         << "}\nstatus: {addresses: [{type: InternalIP, address: 172.16." << i / 250 << "."
         << 1 + i % 250 << "}]}\n---\n";
  }
  for (unsigned i = 0; i < counts.namespaces; ++i) {
    text << "apiVersion: v1\nkind: Namespace\nmetadata: {name: ns" << i << ", labels: {team: t"
         << i % 20 << "}}\n---\n";
  }
  for (unsigned i = 0; i < counts.policies; ++i) {
    text << "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: other" << i
         << ", namespace: ns" << i % counts.namespaces
         << "}\nspec:\n  endpointSelector: {matchLabels: {app: x" << i
         << "}}\n  ingress: [{fromEndpoints: [{matchLabels: {app: y" << i << "}}]}]\n---\n";
  }
  text << "apiVersion: cilium.io/v2\nkind: CiliumCIDRGroup\nmetadata: {name: outside}\nspec:\n  "
          "externalCIDRs:\n";
  for (unsigned i = 0; i < counts.prefixes; ++i) {
    text << "  - 192." << i / 4096 << "." << i / 16 % 256 << "." << i % 16 * 16 << "/28\n";
  }
  text << "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: outside, "
          "namespace: shop}\nspec:\n  endpointSelector: {}\n  ingress: [{fromCIDRSet: "
          "[{cidrGroupRef: outside}]}]\n";
  return text.str();
}

}  // namespace policyc::bench
