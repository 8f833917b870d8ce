#include "loader/kubeproxy/cleanup.h"

#include "loader/kubeproxy/removal.h"
#include "loader/kubeproxy/tool.h"

namespace policyc::kubeproxy {
namespace {

// To remove the rules of many thousand services takes the kernel minutes.
constexpr ToolLimits kLimits = {.time = std::chrono::minutes(15)};
// How long iptables-restore waits for another tool that holds the lock of iptables.
constexpr const char* kLockSeconds = "10";

// iptables-legacy-save and iptables-legacy-restore stand side by side.
std::string restore_tool(const std::string& save_tool) {
  constexpr std::string_view kSave = "save";
  return save_tool.substr(0, save_tool.size() - kSave.size()) + "restore";
}

void clean_iptables(const IptablesTable& found, Cleaned& cleaned) {
  const Removal removal = plan_removal(found.rules, found.leftovers);
  for (const std::string& chain : removal.kept)
    cleaned.kept.push_back({found.family, found.backend, found.rules.name, chain});
  if (removal.script.empty()) return;
  const auto done = run_tool({restore_tool(found.save_tool), "-w", kLockSeconds, "--noflush"},
                             removal.script, kLimits);
  if (!done) {
    cleaned.failures.push_back(done.error().message);
    return;
  }
  cleaned.iptables.push_back(
      {found.family, found.backend, found.rules.name, removal.chains.size(), removal.jumps});
}

void clean_nftables(const Findings& findings, Cleaned& cleaned) {
  if (findings.nftables.empty()) return;
  std::string script;
  for (const NftTable& table : findings.nftables)
    script += "delete table " + table.family + " " + table.name + "\n";
  const auto tool = find_tool("nft");
  const auto done = tool ? run_tool({*tool, "-f", "-"}, script, kLimits)
                         : Result<std::string>(fail("nft is not installed any more"));
  if (done) {
    cleaned.nftables = findings.nftables;
  } else {
    cleaned.failures.push_back(done.error().message);
  }
}

void clean_sets(const Findings& findings, Cleaned& cleaned) {
  const auto tool = find_tool("ipset");
  if (!tool) return;  // then none was found either
  for (const std::string& set : findings.sets) {
    if (const auto done = run_tool({*tool, "destroy", set}); done) {
      cleaned.sets.push_back(set);
    } else {
      cleaned.failures.push_back(done.error().message);
    }
  }
}

}  // namespace

Cleaned clean_up(const Findings& findings) {
  Cleaned cleaned;
  for (const IptablesTable& table : findings.iptables) clean_iptables(table, cleaned);
  clean_nftables(findings, cleaned);
  clean_sets(findings, cleaned);  // after the rules that match on them
  return cleaned;
}

}  // namespace policyc::kubeproxy
