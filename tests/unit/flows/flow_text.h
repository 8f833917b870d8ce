#pragma once
// Flows as Hubble prints them.

#include <string>

namespace policyc::testing {

inline std::string flow_end(const std::string& app) {
  return R"({"identity":1,"namespace":"shop","labels":["k8s:app=)" + app +
         R"(","k8s:io.cilium.k8s.policy.cluster=default","k8s:io.kubernetes.pod.namespace=shop"],"pod_name":")" +
         app + R"(-0"})";
}

// TCP from one app of `shop` to another, seen at the receiver.
inline std::string flow_line(const std::string& from, const std::string& to, int port,
                             const std::string& verdict, const std::string& more = {}) {
  const std::string reason = verdict == "DROPPED" ? R"("drop_reason_desc":"POLICY_DENIED",)" : "";
  return R"({"flow":{"verdict":")" + verdict + "\"," + reason +
         R"("IP":{"source":"10.0.0.1","destination":"10.0.0.2"},"l4":{"TCP":{"source_port":40000,"destination_port":)" +
         std::to_string(port) + R"(}},"source":)" + flow_end(from) + R"(,"destination":)" +
         flow_end(to) + R"(,"Type":"L3_L4","traffic_direction":"INGRESS","is_reply":false)" + more +
         R"(},"node_name":"n"})" + "\n";
}

}  // namespace policyc::testing
