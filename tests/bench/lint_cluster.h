#pragma once
// A made-up cluster for what reads manifests in bulk: namespaces with applications, their pods and
// policies, drawn from a seed. Mostly as people write them; one policy in some dozens has a slip
// that lint finds.

#include <cstdint>
#include <string>
#include <vector>

namespace policyc::bench {

class LintCluster {
 public:
  int namespaces = 200;
  int pods = 10'000;
  int policies = 10'000;
  std::uint32_t seed = 1;

  static constexpr int kApps = 10;  // of each namespace

  // The manifests of one namespace: policies in one text, pods in the other.
  [[nodiscard]] std::string policies_of(int name_space) const {
    Dice dice{seed * 7919U + static_cast<std::uint32_t>(name_space)};
    std::string text = begin("default-deny", name_space) +
                       "  endpointSelector: {}\n  ingress:\n  - {}\n  egress:\n"
                       "  - toEndpoints:\n"
                       "    - matchLabels:\n"
                       "        k8s:io.kubernetes.pod.namespace: kube-system\n"
                       "        k8s-app: kube-dns\n"
                       "    toPorts:\n    - ports:\n      - {port: \"53\", protocol: UDP}\n"
                       "      rules:\n        dns:\n        - matchPattern: \"*\"\n";
    const int count = share(policies, name_space) - 1;
    for (int i = 0; i < count; ++i) text += policy(i, name_space, dice);
    return text;
  }
  [[nodiscard]] std::string pods_of(int name_space) const {
    std::string text = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: " + name(name_space) +
                       "\n  labels: {team: team" + std::to_string(name_space % 20) + "}\n";
    const int count = share(pods, name_space);
    for (int i = 0; i < count; ++i) {
      const int app = i % kApps;
      text +=
          "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: " + app_name(app) + "-" +
          std::to_string(i / kApps) + "\n  namespace: " + name(name_space) +
          "\n  labels:\n    app: " + app_name(app) + "\n    tier: tier" + std::to_string(app % 3) +
          "\n    pod-template-hash: 6d4cf56db6\n" +
          "spec:\n  containers:\n  - name: main\n    image: example.com/app:1\n    ports:\n"
          "    - {name: http, containerPort: 8080}\n    - {name: metrics, containerPort: 9090}\n"
          "status:\n  podIP: 10." +
          std::to_string(name_space / 250 + 1) + "." + std::to_string(name_space % 250) + "." +
          std::to_string(i % 250 + 1) + "\n";
    }
    return text;
  }

 private:
  struct Dice {
    std::uint32_t state;
    int below(int limit) {
      state = state * 1664525U + 1013904223U;
      return static_cast<int>((state >> 16U) % static_cast<unsigned>(limit));
    }
  };

  // The namespace's part of a total.
  [[nodiscard]] int share(int total, int name_space) const {
    return total / namespaces + (name_space < total % namespaces ? 1 : 0);
  }
  static std::string name(int name_space) { return "ns" + std::to_string(name_space); }
  static std::string app_name(int app) { return "app" + std::to_string(app % kApps); }

  static std::string begin(const std::string& policy, int name_space) {
    return "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata:\n  name: " +
           policy + "\n  namespace: " + name(name_space) + "\nspec:\n";
  }

  static std::string ports(Dice& dice) {
    const int first = 8000 + dice.below(40);
    std::string text = "    toPorts:\n    - ports:\n      - port: \"" + std::to_string(first) +
                       "\"\n        protocol: TCP\n";
    if (dice.below(4) == 0)
      text += "      - port: \"" + std::to_string(first + 100) +
              "\"\n        endPort: " + std::to_string(first + 100 + dice.below(16)) +
              "\n        protocol: TCP\n";
    return text;
  }

  [[nodiscard]] std::string policy(int number, int name_space, Dice& dice) const {
    const int app = number % kApps;
    std::string text = begin(app_name(app) + "-" + std::to_string(number / kApps), name_space) +
                       "  endpointSelector:\n    matchLabels:\n      app: " + app_name(app) + "\n";
    switch (number / kApps % 5) {
      case 0:  // neighbours
        text += "  ingress:\n";
        for (int i = 0; i < 3; ++i)
          text += "  - fromEndpoints:\n    - matchLabels:\n        app: " +
                  app_name(dice.below(kApps)) + "\n" + ports(dice);
        break;
      case 1:  // another namespace
        text += "  ingress:\n  - fromEndpoints:\n    - matchLabels:\n        app: " +
                app_name(dice.below(kApps)) +
                "\n        k8s:io.kubernetes.pod.namespace: " + name(dice.below(namespaces)) +
                "\n" + ports(dice);
        break;
      case 2:  // out
        text +=
            "  egress:\n  - toEndpoints:\n    - matchExpressions:\n      - {key: tier, operator: "
            "In, values: [tier0, tier" +
            std::to_string(1 + dice.below(2)) + "]}\n" + ports(dice) +
            "  - toFQDNs:\n    - matchName: api" + std::to_string(dice.below(50)) +
            ".example.com\n" + ports(dice);
        break;
      case 3:  // addresses
        text += "  egress:\n  - toCIDRSet:\n    - cidr: 198.51." + std::to_string(dice.below(250)) +
                ".0/24\n      except:\n      - 198.51.0.0/28\n" + ports(dice) +
                "  egressDeny:\n  - toCIDR:\n    - 203.0.113." + std::to_string(dice.below(250)) +
                "/32\n";
        if (text.find("198.51.0.0/24") == std::string::npos) {
          const auto at = text.find("      except:");
          text.erase(at, text.find("    toPorts:") - at);
        }
        break;
      default:  // HTTP
        text += "  ingress:\n  - fromEndpoints:\n    - matchLabels:\n        app: " +
                app_name(dice.below(kApps)) +
                "\n    toPorts:\n    - ports:\n      - port: \"8080\"\n        protocol: TCP\n"
                "      rules:\n        http:\n        - method: GET\n          path: /v" +
                std::to_string(dice.below(9)) + "/.*\n";
    }
    if (dice.below(40) == 0)
      text += "  # left over\n  ingressDeny:\n  - fromEntities:\n    - world\n";
    return text;
  }
};

}  // namespace policyc::bench
