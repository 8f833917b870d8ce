#pragma once
// A network namespace with the rules of a kube-proxy and of others.

#include <string>
#include <vector>

namespace policyc::testing {

// "iptables-legacy", "ip6tables-nft"...: both families of both rule sets.
[[nodiscard]] const std::vector<std::string>& rule_tools();

// Makes a new network namespace for the process and what it starts. Needs root.
void enter_new_network();
// Runs a command of the shell, an exception when it fails.
void shell(const std::string& command);
[[nodiscard]] std::string output_of(const std::string& command);

// Rules of others in nat, filter and mangle, some of which look like kube-proxy's.
void add_rules_of_others(const std::string& tool);
// kube-proxy's and kubelet's chains, and jumps between the rules of others.
void add_rules_of_kube_proxy(const std::string& tool);
// All rules of all tools, and of nft: what a cleanup must not change.
[[nodiscard]] std::string all_rules();

}  // namespace policyc::testing
