#pragma once
// A made-up cluster of any size from a seed: namespaces of workloads, pods, and policies that name
// them. The same seed gives the same text, on every platform.

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

namespace policyc::bench {

struct PolicyCluster {
  std::size_t namespaces = 200;
  std::size_t pods = 10'000;
  std::size_t policies = 10'000;
  std::size_t workloads = 10;  // in each namespace
  std::uint64_t seed = 1;

  [[nodiscard]] std::string inventory() const {
    std::string text;
    for (std::size_t ns = 0; ns < namespaces; ++ns) {
      text += "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: " + name(ns) +
              ", labels: {team: team" + std::to_string(ns % 20) + "}}\n";
    }
    for (std::size_t pod = 0; pod < pods; ++pod) {
      const std::size_t ns = pod % namespaces;
      const std::size_t app = pod / namespaces % workloads;
      text += "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: pod-" + std::to_string(pod) +
              "\n  namespace: " + name(ns) + "\n  labels: {app: " + app_name(app) + ", tier: tier" +
              std::to_string(app % 3) +
              "}\nspec:\n  containers: [{name: main, ports: [{name: http, containerPort: "
              "8080}]}]\nstatus:\n  podIP: 10." +
              std::to_string(pod / 62500 + 100) + "." + std::to_string(pod / 250 % 250) + "." +
              std::to_string(pod % 250 + 1) + "\n";
    }
    return text;
  }

  // Each namespace has as many: for a workload, who may reach it, where it may go, or whom it
  // refuses.
  [[nodiscard]] std::string policy_text() const {
    std::mt19937_64 dice(seed);
    std::string text;
    for (std::size_t i = 0; i < policies; ++i) {
      const std::size_t ns = i % namespaces;
      text += "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: policy-" +
              std::to_string(i / namespaces) + ", namespace: " + name(ns) +
              "}\nspec:\n  endpointSelector: {matchLabels: {app: " + app_name(dice() % workloads) +
              "}}\n";
      text += rules(dice, ns);
    }
    return text;
  }

 private:
  static std::string name(std::size_t ns) { return "ns" + std::to_string(ns); }
  static std::string app_name(std::size_t app) { return "app" + std::to_string(app); }

  template <class Dice>
  [[nodiscard]] std::string rules(Dice& dice, std::size_t ns) const {
    const std::string peer = app_name(dice() % workloads);
    const std::string port = std::to_string(8000 + dice() % 40);
    const std::string ports = "    toPorts: [{ports: [{port: \"" + port + "\", protocol: TCP}]}]\n";
    const std::string number = std::to_string(dice() % 20 + 200);
    const std::size_t other = (ns + 1 + dice() % 5) % namespaces;
    switch (dice() % 6) {
      case 0:
        return "  ingress:\n  - fromEndpoints: [{matchLabels: {app: " + peer +
               ", 'k8s:io.kubernetes.pod.namespace': " + name(other) + "}}]\n" + ports;
      case 1:
        return "  ingress:\n  - fromEndpoints: [{matchLabels: {app: " + peer +
               "}}]\n    toPorts: [{ports: [{port: \"" + port +
               "\", protocol: TCP}], rules: {http: [{method: GET}]}}]\n";
      case 2:
        return "  egress:\n  - toEndpoints: [{matchExpressions: [{key: tier, operator: In, values: "
               "[tier0, tier2]}]}]\n" +
               ports;
      case 3:
        return "  egress:\n  - toCIDRSet: [{cidr: 10." + number + ".0.0/16, except: [10." + number +
               ".1.0/24]}]\n" + ports;
      case 4:
        return "  ingressDeny:\n  - fromCIDR: [192.0." + number +
               ".0/24]\n  ingress:\n  - fromEntities: [cluster]\n" + ports;
      default:
        return "  ingress:\n  - fromEndpoints: [{matchLabels: {app: " + peer + "}}]\n" + ports;
    }
  }
};

}  // namespace policyc::bench
