#pragma once
// A made-up cluster: 10 namespaces of 6 workloads, 200 policies that name them, and pods.

#include <cstddef>
#include <string>

namespace policyc::bench {

struct ScaleCluster {
  std::size_t endpoints = 1000;
  int first_port = 8000;  // another one makes every workload's policy another
  bool edited = false;    // one policy admits one more port

  static constexpr int kNamespaces = 10;
  static constexpr int kApps = 6;

  // For each workload: who may reach it in its namespace, who from the next one, and where it may
  // go. For each namespace: monitoring, and DNS.
  [[nodiscard]] std::string policies() const {
    std::string text;
    for (int ns = 0; ns < kNamespaces; ++ns) {
      for (int app = 0; app < kApps; ++app) text += workload(ns, app);
      text += begin("monitoring", ns) +
              "  endpointSelector: {}\n"
              "  ingress:\n"
              "  - fromEndpoints:\n"
              "    - matchLabels: {app: app0, 'k8s:io.kubernetes.pod.namespace': ns0}\n"
              "    toPorts: [{ports: [{port: \"9090\", protocol: TCP}]}]\n";
      text += begin("dns", ns) +
              "  endpointSelector: {}\n"
              "  egress:\n"
              "  - toEndpoints:\n"
              "    - matchLabels: {app: app1, 'k8s:io.kubernetes.pod.namespace': ns0}\n"
              "    toPorts: [{ports: [{port: \"53\", protocol: UDP}, {port: \"53\", protocol: "
              "TCP}]}]\n";
    }
    return text;
  }

  [[nodiscard]] std::string inventory() const {
    std::string text;
    for (int ns = 0; ns < kNamespaces; ++ns)
      text += "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: " + name(ns) +
              ", labels: {team: team" + std::to_string(ns / 2) + "}}\n";
    for (std::size_t pod = 0; pod < endpoints; ++pod) {
      const auto ns = static_cast<int>(pod % kNamespaces);
      const auto app = static_cast<int>(pod / kNamespaces % kApps);
      text += "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: pod-" + std::to_string(pod) +
              "\n  namespace: " + name(ns) + "\n  labels: {app: app" + std::to_string(app) +
              ", tier: tier" + std::to_string(app / 2) +
              ", release: stable}\nspec:\n  containers: [{name: main, ports: [{name: http, "
              "containerPort: 8080}]}]\nstatus:\n  podIP: 10.100." +
              std::to_string(pod / 250) + "." + std::to_string(pod % 250 + 1) + "\n";
    }
    return text;
  }

 private:
  static std::string name(int ns) { return "ns" + std::to_string(ns % kNamespaces); }
  static std::string app_name(int app) { return "app" + std::to_string(app % kApps); }

  static std::string begin(const std::string& policy, int ns) {
    return "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: " + policy +
           ", namespace: " + name(ns) + "}\nspec:\n";
  }

  [[nodiscard]] std::string port(int offset) const { return std::to_string(first_port + offset); }

  [[nodiscard]] std::string workload(int ns, int app) const {
    const std::string own = app_name(app);
    const std::string selector = "  endpointSelector: {matchLabels: {app: " + own + "}}\n";
    const std::string more =
        edited && ns == 3 && app == 2 ? ", {port: \"" + port(900) + "\", protocol: TCP}" : "";
    return begin(own + "-near", ns) + selector +
           "  ingress:\n"
           "  - fromEndpoints:\n"
           "    - matchLabels: {app: " +
           app_name(app + 1) +
           "}\n"
           "    - matchExpressions: [{key: tier, operator: In, values: [tier0, tier2]}]\n"
           "    toPorts: [{ports: [{port: \"" +
           port(app) + "\", protocol: TCP}" + more + "]}]\n" + begin(own + "-far", ns) + selector +
           "  ingress:\n"
           "  - fromEndpoints:\n"
           "    - matchLabels: {app: " +
           own + ", 'k8s:io.kubernetes.pod.namespace': " + name(ns + 1) +
           "}\n"
           "    toPorts: [{ports: [{port: \"" +
           port(100) + "\", endPort: " + port(100 + app) +
           ", protocol: TCP}]}]\n"
           "  ingressDeny:\n"
           "  - fromCIDR: [10.20" +
           std::to_string(app) + ".0.0/16]\n" + begin(own + "-out", ns) + selector +
           "  egress:\n"
           "  - toEndpoints: [{matchLabels: {app: " +
           app_name(app + 2) +
           "}}]\n"
           "    toPorts: [{ports: [{port: \"5432\", protocol: TCP}]}]\n"
           "  - toCIDRSet: [{cidr: 10.210.0.0/16, except: [10.210." +
           std::to_string(ns) +
           ".0/24]}]\n"
           "    toPorts: [{ports: [{port: \"443\", protocol: TCP}]}]\n";
  }
};

}  // namespace policyc::bench
