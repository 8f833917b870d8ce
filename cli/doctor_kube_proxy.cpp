#include <algorithm>
#include <ostream>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/kube_proxy_report.h"
#include "cli/loader_options.h"

namespace policyc::cli {
namespace {

using Json = nlohmann::ordered_json;
using kubeproxy::Findings;

struct Arguments {
  bool cleanup = false;
  bool force = false;
};

int exit_code_of(const Findings& findings) {
  if (findings.any()) return kFindings;
  return findings.complete() ? kSuccess : kUnreadable;
}

// Rules and names may hold bytes of any kind.
void print_json(const Json& json, std::ostream& out) {
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

int report(const Findings& findings, bool json, Context& context) {
  if (json) {
    print_json(to_json(findings), context.out);
  } else {
    print_text(findings, context.out);
    const bool removable = std::any_of(findings.iptables.begin(), findings.iptables.end(),
                                       [](const auto& t) { return !t.leftovers.chains.empty(); }) ||
                           !findings.nftables.empty() || !findings.sets.empty();
    if (removable)
      context.out << "`policyc doctor kube-proxy --cleanup` removes its chains, tables and sets\n";
  }
  return exit_code_of(findings);
}

int clean_up(const Findings& found, bool json, Context& context) {
  const auto cleaned = kubeproxy::clean_up(found);
  const Findings left = kubeproxy::scan();
  if (json) {
    print_json({{"cleanup", to_json(cleaned)}, {"left", to_json(left)}}, context.out);
  } else {
    print_text(cleaned, context.out);
    context.out << "left on this node:\n";
    print_text(left, context.out);
  }
  return cleaned.failures.empty() ? exit_code_of(left) : kUnreadable;
}

int run(const Arguments& arguments, bool json, Context& context) {
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  const Findings findings = kubeproxy::scan();
  if (!arguments.cleanup) return report(findings, json, context);
  if (!findings.processes.empty() && !arguments.force) {
    const auto& process = findings.processes.front();
    context.err << "policyc: nothing removed: process " << process.pid << " (" << process.name
                << ") would write its rules again; stop kube-proxy first, or use --force\n";
    static_cast<void>(report(findings, json, context));
    return kFindings;
  }
  return clean_up(findings, json, context);
}

}  // namespace

KubeProxySummary summarize_kube_proxy() {
  const Findings findings = kubeproxy::scan();
  const auto tables = std::ranges::count_if(
      findings.iptables, [](const auto& table) { return !table.leftovers.chains.empty(); });
  return {.findings = findings.processes.size() + static_cast<std::size_t>(tables) +
                      findings.nftables.size() + findings.sets.size() +
                      (findings.ipvs.services != 0 || findings.ipvs_interface ? 1U : 0U),
          .complete = findings.complete()};
}

void add_doctor_kube_proxy(CLI::App& doctor, const std::shared_ptr<std::string>& output,
                           Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = doctor.add_subcommand(
      "kube-proxy",
      "what a kube-proxy left on this node, and what that does to policyc's services");
  add_doctor_output(*command, output);
  auto* cleanup = command->add_flag("--cleanup", arguments->cleanup,
                                    "remove its chains, tables and sets, and nothing else");
  command->add_flag("--force", arguments->force, "also while a kube-proxy runs")->needs(cleanup);
  command->callback([arguments, output, &context] {
    context.exit_code = run(*arguments, *output == "json", context);
  });
}

}  // namespace policyc::cli
