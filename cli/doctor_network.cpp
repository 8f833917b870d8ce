#include <iomanip>
#include <ostream>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/loader_options.h"
#include "loader/network/findings.h"
#include "loader/network/hooks.h"

namespace policyc::cli {
namespace {

using Json = nlohmann::ordered_json;
using network::Finding;
using network::Severity;

std::string_view severity_name(Severity severity) {
  return severity == Severity::Problem ? "problem" : "note";
}

void print_text(const std::vector<network::PathMtu>& paths, const std::vector<Finding>& findings,
                std::ostream& out) {
  for (const network::PathMtu& path : paths) {
    out << "  " << std::left << std::setw(16) << path.from << " by " << std::setw(16) << path.by
        << " sends up to " << path.pod << ", fits " << path.fits << "\n";
  }
  for (const Finding& finding : findings) {
    out << severity_name(finding.severity) << ": " << finding.topic << ": " << finding.message
        << "\n      fix: " << finding.fix << "\n";
  }
  if (findings.empty()) out << "network: nothing that loses packets or hides policyc's programs\n";
}

Json to_json(const std::vector<network::PathMtu>& paths, const std::vector<Finding>& findings) {
  Json json = {{"paths", Json::array()}, {"findings", Json::array()}};
  for (const network::PathMtu& path : paths) {
    json["paths"].push_back({{"from", path.from},
                             {"by", path.by},
                             {"largest", path.pod},
                             {"fits", path.fits},
                             {"black_hole", path.pod > path.fits && path.black_hole}});
  }
  for (const Finding& finding : findings) {
    json["findings"].push_back({{"severity", severity_name(finding.severity)},
                                {"topic", finding.topic},
                                {"subject", finding.subject},
                                {"message", finding.message},
                                {"fix", finding.fix}});
  }
  return json;
}

struct Arguments {
  std::string cni_directory = "/etc/cni/net.d";
  endpoint::Paths paths;
};

int run(const Arguments& arguments, bool json, Context& context) {
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  const auto found = network::read_network(network::pinned_programs(arguments.paths.bpffs),
                                           arguments.cni_directory);
  if (!found) return kernel_error(context.err, found.error());
  const auto paths = network::path_mtus(*found);
  const auto findings = network::judge(*found);
  if (json) {
    context.out << to_json(paths, findings).dump(2, ' ', false, Json::error_handler_t::replace)
                << "\n";
  } else {
    print_text(paths, findings, context.out);
  }
  const bool problem = std::ranges::any_of(
      findings, [](const Finding& one) { return one.severity == Severity::Problem; });
  return problem ? kFindings : kSuccess;
}

}  // namespace

void add_doctor_network(CLI::App& doctor, const std::shared_ptr<std::string>& output,
                        Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = doctor.add_subcommand(
      "network", "MTUs, forwarding, rp_filter, others' programs: what loses packets on this node");
  add_doctor_output(*command, output);
  command->add_option("--cni-conf-dir", arguments->cni_directory, "where container runtimes look")
      ->type_name("DIR")
      ->capture_default_str();
  add_loader_paths(*command, arguments->paths);
  command->callback([arguments, output, &context] {
    context.exit_code = run(*arguments, *output == "json", context);
  });
}

}  // namespace policyc::cli
