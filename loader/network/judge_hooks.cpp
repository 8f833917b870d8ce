#include <algorithm>
#include <string>
#include <utility>

#include "loader/network/judge.h"

namespace policyc::network {
namespace {

// Names that other projects give to their programs.
std::string owner_of(std::string_view program) {
  for (const auto& [prefix, owner] : {std::pair{"cil_", "Cilium"},
                                      {"cali_", "Calico"},
                                      {"calico_", "Calico"},
                                      {"antrea", "Antrea"},
                                      {"ks_", "Kubeshark"},
                                      {"tetragon", "Tetragon"},
                                      {"weave", "Weave"},
                                      {"kubearmor", "KubeArmor"}}) {
    if (program.starts_with(prefix)) return std::string(" (") + owner + ")";
  }
  return "";
}

std::string described(const HookProgram& program) {
  if (!program.filter.empty())
    return "tc filter " + program.filter + ", preference " + std::to_string(program.id);
  return "program " + program.name + owner_of(program.name) + ", id " + std::to_string(program.id);
}

bool is_ingress(HookPoint point) {
  return point == HookPoint::TcxIngress || point == HookPoint::ClsactIngress;
}
bool is_clsact(HookPoint point) {
  return point == HookPoint::ClsactIngress || point == HookPoint::ClsactEgress;
}

// Both run in one queue: tcx first, then clsact; ours ends it, but where there is a queue.
void judge_link(const Link& link, std::vector<Finding>& findings) {
  for (const bool ingress : {true, false}) {
    std::vector<const HookProgram*> queue;
    for (const bool clsact : {false, true}) {
      for (const HookProgram& program : link.programs) {
        if (program.point != HookPoint::Xdp && is_ingress(program.point) == ingress &&
            is_clsact(program.point) == clsact)
          queue.push_back(&program);
      }
    }
    const auto ours = std::ranges::find_if(queue, &HookProgram::ours);
    if (ours == queue.end()) continue;
    for (auto other = queue.begin(); other != queue.end(); ++other) {
      if ((*other)->ours) continue;
      const std::string who = described(**other) + ", on " +
                              std::string(hook_point_name((*other)->point)) + " of " + link.name;
      const bool before = other < ours;
      findings.push_back(
          {before ? Severity::Problem : Severity::Note, "hooks", link.name,
           who + (before ? " runs before policyc's: what it lets pass or redirects is "
                           "not asked about"
                         : " comes after policyc's and runs only where the interface has a queue"),
           "remove one of the two (`tc filter show dev " + link.name +
               " ingress`, `bpftool net`); two CNIs on one node are not supported"});
    }
  }
  for (const HookProgram& program : link.programs) {
    if (program.point != HookPoint::Xdp || program.ours || !link.endpoint) continue;
    findings.push_back({Severity::Problem, "hooks", link.name,
                        "XDP program " + program.name + owner_of(program.name) +
                            " runs before policyc's on " + link.name,
                        "ip link set dev " + link.name + " xdp off"});
  }
}

// All at a hook run, in the order of their attachment: two that translate meet each other's
// results.
void judge_sockets(const std::vector<SocketHookProgram>& programs, std::vector<Finding>& findings) {
  std::string others;
  for (const SocketHookProgram& program : programs) {
    if (program.ours) continue;
    others += (others.empty() ? "" : "; ") + program.name + owner_of(program.name) + ", id " +
              std::to_string(program.id) + ", at " + program.hook;
  }
  if (others.empty()) return;
  const bool ours = std::ranges::any_of(programs, &SocketHookProgram::ours);
  findings.push_back(
      {ours ? Severity::Problem : Severity::Note, "hooks", "",
       "programs of others at the cgroup's sockets (" + others + "): " +
           (ours ? "sockets are given backends by them and by policyc's"
                 : "what they translate, policyc sees after that, as traffic to backends"),
       "leave one: `bpftool cgroup tree` shows them, `bpftool cgroup detach` takes one off"});
}

}  // namespace

void judge_hooks(const Network& network, std::vector<Finding>& findings) {
  for (const Link& link : network.links) judge_link(link, findings);
  judge_sockets(network.sockets, findings);
}

}  // namespace policyc::network
