#include "tests/unit/kubeproxy/node_rules.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <sched.h>

#include "tests/support/temporary_folder.h"

namespace policyc::testing {
namespace {

constexpr const char* kOthers = R"(*nat
:MINE - [0:0]
:KUBE-ROUTER-X - [0:0]
-A PREROUTING -m comment --comment "first of mine" -j MINE
-A PREROUTING -m comment --comment "say \"-j KUBE-SERVICES\"" -j MINE
-A PREROUTING -m comment --comment -j -j MINE
-A OUTPUT -j MINE
-A POSTROUTING -j RETURN
-A MINE -p tcp -m tcp --dport 8000 -j DNAT --to-destination OTHER
-A KUBE-ROUTER-X -j RETURN
COMMIT
*filter
:MINE - [0:0]
:KUBE-FIREWALL - [0:0]
-A INPUT -j KUBE-FIREWALL
-A FORWARD -j MINE
-A MINE -j ACCEPT
-A KUBE-FIREWALL -m conntrack --ctstate INVALID -j DROP
COMMIT
*mangle
:KUBE-KUBELET-CANARY - [0:0]
:KUBE-IPTABLES-HINT - [0:0]
-A PREROUTING -j MARK --set-xmark 0x1/0xffffffff
COMMIT
)";

// Jumps stand before, between and after the rules of others.
constexpr const char* kKubeProxys = R"(*nat
:KUBE-SERVICES - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-PROXY-CANARY - [0:0]
:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]
:KUBE-SEP-BBBBBBBBBBBBBBBB - [0:0]
-I PREROUTING 2 -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-I OUTPUT 1 -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-SERVICES -d SERVICE -p tcp -m comment --comment "default/kubernetes:https cluster IP" -m tcp --dport 443 -j KUBE-SVC-AAAAAAAAAAAAAAAA
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-SVC-AAAAAAAAAAAAAAAA -m statistic --mode random --probability 0.5 -j KUBE-SEP-BBBBBBBBBBBBBBBB
-A KUBE-SEP-BBBBBBBBBBBBBBBB -j KUBE-MARK-MASQ
-A KUBE-SEP-BBBBBBBBBBBBBBBB -p tcp -m tcp -j DNAT --to-destination ENDPOINT
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
COMMIT
*filter
:KUBE-FORWARD - [0:0]
:KUBE-PROXY-FIREWALL - [0:0]
-I FORWARD 1 -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
COMMIT
*mangle
:KUBE-PROXY-CANARY - [0:0]
COMMIT
)";

void replace(std::string& text, const std::string& word, const std::string& by) {
  if (const auto at = text.find(word); at != std::string::npos) text.replace(at, word.size(), by);
}

// With the addresses of the tool's family.
void restore(const std::string& tool, std::string rules) {
  const bool v6 = tool.starts_with("ip6");
  replace(rules, "destination OTHER", v6 ? "destination [fd00::9]:80" : "destination 10.0.0.9:80");
  replace(rules, "-d SERVICE", v6 ? "-d fd00:96::1" : "-d 10.96.0.1");
  replace(rules, "ENDPOINT", v6 ? "[fd00::5]:6443" : "10.0.0.5:6443");
  const TemporaryFolder folder;
  std::ofstream(folder / "rules") << rules;
  shell(tool + "-restore --noflush < " + (folder / "rules").string());
}

}  // namespace

const std::vector<std::string>& rule_tools() {
  static const std::vector<std::string> tools = {"iptables-legacy", "iptables-nft",
                                                 "ip6tables-legacy", "ip6tables-nft"};
  return tools;
}

void enter_new_network() {
  if (::unshare(CLONE_NEWNET) != 0) throw std::runtime_error("unshare: this needs root");
}

void shell(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

std::string output_of(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen: " + command);
  std::string output;
  for (int byte; (byte = std::fgetc(pipe)) != EOF;) output += static_cast<char>(byte);
  if (::pclose(pipe) != 0) throw std::runtime_error("failed: " + command);
  return output;
}

void add_rules_of_others(const std::string& tool) { restore(tool, kOthers); }

void add_rules_of_kube_proxy(const std::string& tool) { restore(tool, kKubeProxys); }

// The remarks carry the time.
std::string all_rules() {
  std::string rules;
  for (const std::string& tool : rule_tools())
    rules += tool + "\n" + output_of(tool + "-save 2>/dev/null | sed '/^#/d'");
  return rules + output_of("nft list ruleset 2>/dev/null") + output_of("ipset save");
}

}  // namespace policyc::testing
