#pragma once
// Small manifests for tests of sessions.

#include <string>

namespace policyc::testing {

inline std::string pod(const std::string& name, const std::string& app,
                       const std::string& more_labels = "", const std::string& name_space = "shop",
                       const std::string& ip = "") {
  std::string text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: " + name +
                     "\n  namespace: " + name_space + "\n  labels:\n    app: " + app + "\n" +
                     more_labels +
                     "spec:\n  containers:\n  - name: main\n    ports:\n"
                     "    - {name: http, containerPort: 8080}\n";
  if (!ip.empty()) text += "status:\n  podIP: " + ip + "\n";
  return text;
}

// As an agent publishes it, with a label of its namespace.
inline std::string published(const std::string& name, const std::string& app,
                             const std::string& name_space, const std::string& team,
                             const std::string& cluster, const std::string& ip) {
  return "apiVersion: cilium.io/v2\nkind: CiliumEndpoint\nmetadata: {name: " + name +
         ", namespace: " + name_space +
         "}\nstatus:\n  identity:\n    labels:\n    - k8s:app=" + app +
         "\n    - k8s:io.kubernetes.pod.namespace=" + name_space +
         "\n    - k8s:io.cilium.k8s.namespace.labels.team=" + team +
         "\n    - k8s:io.cilium.k8s.policy.cluster=" + cluster +
         "\n  networking: {addressing: [{ipv4: " + ip + "}]}\n";
}

// Lets `peer` reach `app` on a port.
inline std::string allow(const std::string& name, const std::string& app, const std::string& peer,
                         const std::string& port, const std::string& name_space = "shop") {
  return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata:\n  name: " + name +
         "\n  namespace: " + name_space +
         "\nspec:\n  endpointSelector:\n    matchLabels:\n      app: " + app +
         "\n  ingress:\n  - fromEndpoints:\n    - matchLabels:\n        app: " + peer +
         "\n    toPorts:\n    - ports:\n      - {port: \"" + port + "\", protocol: TCP}\n";
}

// Sends `app`'s requests on a port to an HTTP parser, or to one of the name given.
inline std::string parsed(const std::string& name, const std::string& app, const std::string& port,
                          const std::string& rules) {
  return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata:\n  name: " + name +
         "\n  namespace: shop\nspec:\n  endpointSelector:\n    matchLabels:\n      app: " + app +
         "\n  ingress:\n  - toPorts:\n    - ports:\n      - {port: \"" + port +
         "\", protocol: TCP}\n      rules:\n" + rules;
}

inline std::string service(const std::string& name, const std::string& ip,
                           const std::string& port) {
  return "apiVersion: v1\nkind: Service\nmetadata:\n  name: " + name +
         "\n  namespace: shop\nspec:\n  clusterIP: " + ip + "\n  clusterIPs: [" + ip +
         "]\n  ports:\n  - {name: main, port: " + port + ", protocol: TCP}\n";
}

inline std::string slice(const std::string& name, const std::string& service,
                         const std::string& address) {
  return "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: " + name +
         "\n  namespace: shop\n  labels:\n    kubernetes.io/service-name: " + service +
         "\naddressType: IPv4\nports:\n- {name: main, port: 8080, protocol: TCP}\nendpoints:\n"
         "- addresses: [" +
         address + "]\n  conditions: {ready: true}\n";
}

}  // namespace policyc::testing
