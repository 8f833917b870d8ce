#include "loader/network/findings.h"

#include <algorithm>

#include "loader/network/judge.h"

namespace policyc::network {
namespace {

void judge_forwarding(const Network& network, std::vector<Finding>& findings) {
  for (const Link& link : network.links) {
    if (!link.endpoint) continue;
    if (!link.forwarding4) {
      findings.push_back(
          {Severity::Problem, "forwarding", link.name,
           "IPv4 packets of " + link.name + " are not forwarded: pods reach this node alone",
           "sysctl net.ipv4.ip_forward=1 (and net.ipv4.conf." + link.name + ".forwarding=1)"});
    }
    if (network.ipv6 && !link.forwarding6) {
      findings.push_back(
          {Severity::Problem, "forwarding", link.name,
           "IPv6 packets of " + link.name + " are not forwarded: pods reach this node alone",
           "sysctl net.ipv6.conf.all.forwarding=1"});
    }
  }
}

void judge_reverse_path(const Network& network, std::vector<Finding>& findings) {
  for (const Link& link : network.links) {
    if (link.reverse_path != 1) continue;
    const bool tunnel = tunnel_overhead(link.kind, link.underlay_v6) != 0;
    const bool served = std::ranges::any_of(link.programs, &HookProgram::ours) && !link.endpoint;
    if (!tunnel && !served) continue;
    findings.push_back(
        {tunnel ? Severity::Problem : Severity::Note, "reverse-path", link.name,
         "rp_filter is strict on " + link.name +
             ": IPv4 packets whose answer would leave by another interface are dropped" +
             (served ? " (answers of backends that another node balances to, DSR)" : ""),
         "sysctl net.ipv4.conf." + link.name +
             ".rp_filter=0 net.ipv4.conf.all.rp_filter=0 (2: loose)"});
  }
}

void judge_cni(const Network& network, std::vector<Finding>& findings) {
  if (network.cni_configurations.empty() || network.first_cni_type.empty() ||
      network.first_cni_type == "policyc-cni")
    return;
  const bool have_endpoints = std::ranges::any_of(network.links, &Link::endpoint);
  findings.push_back(
      {have_endpoints ? Severity::Problem : Severity::Note, "cni", "",
       "container runtimes take " + network.cni_configurations.front() +
           ", whose first plugin is " + network.first_cni_type,
       "give policyc's configuration a name that sorts first, or chain policyc-cni in it"});
}

}  // namespace

std::vector<Finding> judge(const Network& network) {
  std::vector<Finding> findings;
  judge_mtus(network, findings);
  judge_forwarding(network, findings);
  judge_reverse_path(network, findings);
  judge_hooks(network, findings);
  judge_cni(network, findings);
  std::ranges::stable_sort(findings, std::ranges::greater(), &Finding::severity);
  return findings;
}

}  // namespace policyc::network
