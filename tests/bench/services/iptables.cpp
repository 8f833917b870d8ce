#include "tests/bench/services/iptables.h"

#include <algorithm>
#include <cstdio>

#include "tests/bench/services/tool.h"

namespace policyc::bench {
namespace {

constexpr std::size_t kMaxCommentedEndpoints = 1000;

// A name with 16 characters of base32, as kube-proxy makes them of a hash. Neighbours do not look
// alike, and no two names are equal.
std::string chain_name(const char* prefix, std::size_t service, std::size_t endpoint) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string name = prefix;
  std::uint64_t value = (service * 64 + endpoint) * 0x9e3779b97f4a7c15;
  for (int i = 0; i < 16; ++i) {
    name += kDigits[value % kDigits.size()];
    value /= kDigits.size();
  }
  return name;
}

std::string service_chain(std::size_t service) { return chain_name("KUBE-SVC-", service, 0); }

std::string endpoint_chain(std::size_t service, std::size_t endpoint) {
  return chain_name("KUBE-SEP-", service, endpoint + 1);
}

std::string comment(const std::string& text) { return "-m comment --comment \"" + text + "\" "; }

// What every node has, whatever its services.
constexpr const char* kFilter = R"(*filter
:KUBE-SERVICES - [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-PROXY-FIREWALL - [0:0]
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
)";
constexpr const char* kNatChains =
    ":KUBE-SERVICES - [0:0]\n:KUBE-NODEPORTS - [0:0]\n:KUBE-POSTROUTING - [0:0]\n"
    ":KUBE-MARK-MASQ - [0:0]\n";
constexpr const char* kNatJumps =
    R"(-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
)";
// Written with every change.
constexpr const char* kNatRules = R"(-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
)";
constexpr const char* kLastRule =
    "-A KUBE-SERVICES -m comment --comment \"kubernetes service nodeports; NOTE: this must be the "
    "last rule in this chain\" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS\n";

class Rules {
 public:
  Rules(const std::vector<Service>& services, Iptables::Comments comments) : services_(services) {
    std::size_t endpoints = 0;
    for (const Service& service : services) endpoints += service.backends.size();
    commented_ = comments == Iptables::Comments::Always || endpoints <= kMaxCommentedEndpoints;
  }

  void add_chains(std::size_t service, std::string& text) const {
    text += ":" + service_chain(service) + " - [0:0]\n";
    for (std::size_t i = 0; i < services_[service].backends.size(); ++i)
      text += ":" + endpoint_chain(service, i) + " - [0:0]\n";
  }

  // Of KUBE-SERVICES.
  void add_frontend(std::size_t index, std::string& text) const {
    text += "-A KUBE-SERVICES " + remark(index, " cluster IP") + match(index) + "-j " +
            service_chain(index) + "\n";
  }

  // Of the service's chain and those of its endpoints.
  void add_backends(std::size_t index, std::string& text) const {
    const auto& backends = services_[index].backends;
    const std::string chain = service_chain(index);
    text += "-A " + chain + " " + remark(index, " cluster IP") + match(index) + "! -s " +
            kPodNetwork + " -j KUBE-MARK-MASQ\n";
    for (std::size_t i = 0; i < backends.size(); ++i) {
      const std::string endpoint = endpoint_chain(index, i), where = backends[i].address;
      const std::string target = where + ":" + std::to_string(backends[i].port);
      text += "-A " + chain + " " + remark(index, " -> " + target);
      if (const std::size_t left = backends.size() - i; left > 1) {
        char probability[32];
        std::snprintf(probability, sizeof probability, "%.10f", 1.0 / static_cast<double>(left));
        text += std::string("-m statistic --mode random --probability ") + probability + " ";
      }
      text += "-j " + endpoint + "\n-A " + endpoint + " " + remark(index, "") + "-s " + where +
              " -j KUBE-MARK-MASQ\n-A " + endpoint + " " + remark(index, "") +
              "-m tcp -p tcp -j DNAT --to-destination " + target + "\n";
    }
  }

 private:
  [[nodiscard]] std::string remark(std::size_t service, const std::string& what) const {
    return commented_ ? comment("bench/service-" + std::to_string(service) + ":http" + what) : "";
  }
  [[nodiscard]] std::string match(std::size_t index) const {
    const TcpAddress& frontend = services_[index].frontend;
    return "-m tcp -p tcp -d " + frontend.address + " --dport " + std::to_string(frontend.port) +
           " ";
  }

  const std::vector<Service>& services_;
  bool commented_ = false;
};

void restore(const Topology& topology, const std::string& text) {
  run_on_node(topology, {"iptables-legacy-restore", "-w", "60", "--noflush"}, text);
}

}  // namespace

std::string Iptables::name() const {
  return comments_ == Comments::Always ? "iptables-legacy-comments" : "iptables-legacy";
}

void Iptables::setup(const Topology& topology, const std::vector<Service>& services) {
  const Rules rules(services, comments_);
  std::string text = std::string(kFilter) + "*nat\n" + kNatChains;
  for (std::size_t i = 0; i < services.size(); ++i) rules.add_chains(i, text);
  text += kNatJumps;
  text += kNatRules;
  for (std::size_t i = 0; i < services.size(); ++i) {
    rules.add_frontend(i, text);
    rules.add_backends(i, text);
  }
  text += std::string(kLastRule) + "COMMIT\n";
  restore(topology, text);
}

void Iptables::change_backends(const Topology& topology, const std::vector<Service>& services,
                               std::size_t changed) {
  const Rules rules(services, comments_);
  std::vector<std::string> chains;
  for (std::size_t i = 0; i < services[changed].backends.size(); ++i)
    chains.push_back(endpoint_chain(changed, i));
  std::vector<std::string> gone;
  for (const std::string& chain : endpoint_chains_)
    if (std::find(chains.begin(), chains.end(), chain) == chains.end()) gone.push_back(chain);

  std::string text = std::string("*nat\n") + kNatChains;
  rules.add_chains(changed, text);
  for (const std::string& chain : gone) text += ":" + chain + " - [0:0]\n";
  text += kNatRules;
  for (std::size_t i = 0; i < services.size(); ++i) rules.add_frontend(i, text);
  rules.add_backends(changed, text);
  text += kLastRule;
  for (const std::string& chain : gone) text += "-X " + chain + "\n";
  restore(topology, text + "COMMIT\n");
  endpoint_chains_ = std::move(chains);
}

void Iptables::teardown(const Topology& topology) {
  run_on_node(topology, {"iptables-legacy-restore", "-w", "60"}, "*filter\nCOMMIT\n*nat\nCOMMIT\n");
  endpoint_chains_.clear();
}

}  // namespace policyc::bench
