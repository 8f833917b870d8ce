#include <algorithm>
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

Result<network::Network> read(const NetworkPlaces& places) {
  return network::read_network(network::pinned_programs(places.paths.bpffs),
                               {places.cni_directory, places.cgroup});
}

std::size_t count(const std::vector<Finding>& findings, Severity severity) {
  return static_cast<std::size_t>(std::ranges::count(findings, severity, &Finding::severity));
}

int run(const NetworkPlaces& places, bool json, Context& context) {
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  const auto found = read(places);
  if (!found) return kernel_error(context.err, found.error());
  const auto paths = network::path_mtus(*found);
  const auto findings = network::judge(*found);
  if (json) {
    context.out << to_json(paths, findings).dump(2, ' ', false, Json::error_handler_t::replace)
                << "\n";
  } else {
    print_text(paths, findings, context.out);
  }
  return count(findings, Severity::Problem) != 0 ? kFindings : kSuccess;
}

}  // namespace

NetworkSummary summarize_network(const NetworkPlaces& places) {
  const auto found = read(places);
  if (!found) return {.error = found.error().message};
  const auto findings = network::judge(*found);
  return {.problems = count(findings, Severity::Problem), .notes = count(findings, Severity::Note)};
}

void add_network_places(CLI::App& command, NetworkPlaces& places) {
  command.add_option("--cni-conf-dir", places.cni_directory, "where container runtimes look")
      ->type_name("DIR")
      ->capture_default_str();
  command
      .add_option("--cgroup", places.cgroup,
                  "where the socket load balancer is attached (default: all of the node)")
      ->type_name("DIR");
  add_loader_paths(command, places.paths);
}

void add_doctor_network(CLI::App& doctor, const std::shared_ptr<std::string>& output,
                        const std::shared_ptr<NetworkPlaces>& places, Context& context) {
  CLI::App* command = doctor.add_subcommand(
      "network", "MTUs, forwarding, rp_filter, others' programs: what loses packets on this node");
  add_doctor_output(*command, output);
  add_network_places(*command, *places);
  command->callback(
      [places, output, &context] { context.exit_code = run(*places, *output == "json", context); });
}

}  // namespace policyc::cli
