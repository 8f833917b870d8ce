// The configuration as the API gives it.

#include <nlohmann/json.hpp>

#include "loader/agent/config.h"

namespace policyc::agent {
namespace {

using Json = nlohmann::ordered_json;

std::string_view enforcement_name(policy::Enforcement enforcement) {
  if (enforcement == policy::Enforcement::Always) return "always";
  return enforcement == policy::Enforcement::Never ? "never" : "default";
}

std::string_view hook_name(attach::HookChoice choice) {
  if (choice == attach::HookChoice::Tcx) return "tcx";
  return choice == attach::HookChoice::Clsact ? "clsact" : "auto";
}

template <class Values>
Json texts(const Values& values) {
  Json list = Json::array();
  for (const auto& value : values) list.push_back(value.to_string());
  return list;
}

}  // namespace

std::string to_json(const Config& config) {
  const policy::Options& options = config.options;
  return Json{{"static-cnp-path", config.source_directory.string()},
              {"state-dir", config.paths.state.string()},
              {"bpf-root", config.paths.bpffs.string()},
              {"socket-path", config.socket.string()},
              {"compiler", config.compiler.string()},
              {"compile-threads", config.compile_threads},
              {"compile-memory", config.compile_memory >> 20U},
              {"node-name", config.node_name},
              {"node-zone", config.node_zone},
              {"node-address", texts(config.node_addresses)},
              {"policy-audit-mode", config.audit},
              {"policy-deny-response", endpoint::deny_response_name(config.deny_response)},
              {"attach", hook_name(config.hook)},
              {"kube-proxy-replacement", config.services},
              {"bpf-lb-sock", config.socket_lb},
              {"bpf-lb-sock-cgroup", config.cgroup.string()},
              {"bpf-lb-algorithm", config.maglev ? "maglev" : "random"},
              {"bpf-lb-maglev-table-size", config.maglev_size},
              {"bpf-lb-mode", service::forwarding_name(config.forwarding)},
              {"bpf-lb-dsr-dispatch", config.dsr_ipip ? "ipip" : "opt"},
              {"enable-nat46x64-gateway", config.nat46x64},
              {"devices", config.devices},
              {"enable-bpf-masquerade", config.masquerade},
              {"masquerade-exclude", texts(config.masquerade_exclusions)},
              {"bpf-ct-max", config.sizes.conntrack},
              {"bpf-ipcache-max", config.sizes.ipcache},
              {"conntrack-gc-interval", std::to_string(config.conntrack_interval.count()) + "ms"},
              {"prometheus-serve-addr", config.metrics_address},
              {"agent-health-addr", config.health_address},
              {"add-timeout", std::to_string(config.add_timeout.count()) + "ms"},
              {"allow-localhost", options.allow_localhost ? "auto" : "policy"},
              {"cluster-name", options.cluster_name},
              {"enable-extended-ip-protocols", options.extended_ip_protocols},
              {"enable-host-firewall", options.host_firewall},
              {"enable-icmp-rules", options.icmp_rules},
              {"enable-ipv4", options.ipv4},
              {"enable-ipv6", options.ipv6},
              {"enable-l7-proxy", options.l7_proxy},
              {"enable-node-selector-labels", options.node_selector_labels},
              {"enable-non-default-deny-policies", options.non_default_deny},
              {"enable-policy", enforcement_name(options.enforcement)},
              {"labels", options.labels.text()},
              {"node-labels", options.node_labels.text()},
              {"policy-cidr-match-mode", options.cidr_match_nodes ? "nodes" : ""},
              {"policy-default-local-cluster", options.default_local_cluster}}
      .dump(2);
}

}  // namespace policyc::agent
