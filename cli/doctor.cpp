#include "cli/doctor.h"

#include <algorithm>
#include <iomanip>
#include <memory>
#include <ostream>

#include <nlohmann/json.hpp>

#include "cli/loader_options.h"
#include "compiler/backend/backend.h"
#include "loader/endpoint/grace.h"
#include "loader/kernel/datapath.h"
#include "loader/kernel/features.h"

namespace policyc::cli {
namespace {

using Json = nlohmann::ordered_json;
using Programs = Result<std::vector<bpf::ProgramInfo>>;

struct Diagnosis {
  std::string release;
  std::vector<kernel::Feature> features;
  Programs datapath;
  std::vector<pid_t> left_behind;  // processes that died while they expedited grace periods
  NetworkSummary network;
  KubeProxySummary kube_proxy;

  [[nodiscard]] bool loadable() const { return kernel::is_ready(features) && datapath; }
  [[nodiscard]] bool ready() const { return loadable() && network.good(); }
};

std::string count(std::size_t number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

void print_parts(const Diagnosis& diagnosis, std::ostream& out) {
  const NetworkSummary& network = diagnosis.network;
  out << "network: ";
  if (!network.error.empty())
    out << "cannot be read: " << network.error;
  else
    out << count(network.problems, "problem") << ", " << count(network.notes, "note");
  out << " (`policyc doctor network`)\nkube-proxy: ";
  if (diagnosis.kube_proxy.findings != 0)
    out << count(diagnosis.kube_proxy.findings, "finding")
        << ", in the way of balancing services here";
  else
    out << (diagnosis.kube_proxy.complete ? "nothing of it" : "not everything could be looked at");
  out << " (`policyc doctor kube-proxy`)\n";
}

void print_missing(const kernel::Feature& feature, std::ostream& out) {
  out << "      costs: " << feature.cost << "\n      fix:   " << feature.fix << "\n";
}

void print_text(const Diagnosis& diagnosis, std::ostream& out) {
  std::size_t width = 0;
  for (const auto& feature : diagnosis.features) width = std::max(width, feature.name.size());
  out << "kernel " << diagnosis.release << "\n";
  for (const auto& feature : diagnosis.features) {
    out << "  " << (feature.present ? "yes" : "NO ") << "  " << std::left
        << std::setw(static_cast<int>(width)) << feature.name << "  " << std::setw(8)
        << kernel::need_name(feature.need) << "  " << feature.used_for << "\n";
    if (!feature.present) print_missing(feature, out);
  }
  for (const pid_t pid : diagnosis.left_behind) {
    out << "process " << pid
        << " died while it expedited grace periods: the kernel's setting is given back\n";
  }
  if (diagnosis.datapath) {
    out << "datapath: the verifier takes it\n";
    for (const auto& program : *diagnosis.datapath) {
      out << "  " << std::left << std::setw(16) << program.name << std::right << std::setw(6)
          << program.verified_instructions << " instructions verified, " << std::setw(5)
          << program.jited_bytes << " bytes of machine code\n";
    }
  } else {
    out << "datapath: cannot be loaded: " << diagnosis.datapath.error().message << "\n";
  }
  print_parts(diagnosis, out);
  if (!diagnosis.loadable())
    out << "policyc cannot be used here\n";
  else if (!diagnosis.ready())
    out << "policyc can be loaded here, but the network has problems\n";
  else
    out << "policyc can be used here\n";
}

Json to_json(const Diagnosis& diagnosis) {
  Json json = {
      {"kernel", diagnosis.release},
      {"ready", diagnosis.ready()},
      {"features", Json::array()},
      {"datapath", Json::object()},
      {"grace_periods_given_back_for", diagnosis.left_behind},
      {"network", {{"problems", diagnosis.network.problems}, {"notes", diagnosis.network.notes}}},
      {"kube_proxy",
       {{"findings", diagnosis.kube_proxy.findings}, {"complete", diagnosis.kube_proxy.complete}}}};
  if (!diagnosis.network.error.empty()) json["network"]["error"] = diagnosis.network.error;
  for (const auto& feature : diagnosis.features) {
    json["features"].push_back({{"name", feature.name},
                                {"present", feature.present},
                                {"need", kernel::need_name(feature.need)},
                                {"used_for", feature.used_for},
                                {"absence_costs", feature.cost},
                                {"fix", feature.fix}});
  }
  Json& datapath = json["datapath"];
  datapath["programs"] = Json::array();
  if (!diagnosis.datapath) {
    datapath["error"] = diagnosis.datapath.error().message;
    return json;
  }
  for (const auto& program : *diagnosis.datapath) {
    datapath["programs"].push_back({{"name", program.name},
                                    {"verified_instructions", program.verified_instructions},
                                    {"instructions", program.instructions},
                                    {"jited_bytes", program.jited_bytes}});
  }
  return json;
}

int run(const std::string& output, const NetworkPlaces& places, Context& context) {
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  const Diagnosis diagnosis{kernel::release(),
                            kernel::probe_features(),
                            kernel::try_datapath(backend::datapath_object()),
                            endpoint::repair_expedited_grace(),
                            summarize_network(places),
                            summarize_kube_proxy()};
  if (output == "json") {
    // What the verifier says may quote bytes of any kind.
    context.out << to_json(diagnosis).dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  } else {
    print_text(diagnosis, context.out);
  }
  return diagnosis.ready() ? kSuccess : kFindings;
}

}  // namespace

void add_doctor_output(CLI::App& command, const std::shared_ptr<std::string>& output) {
  command.add_option("-o,--output", *output, "form of the output")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void add_doctor(CLI::App& app, Context& context) {
  auto output = std::make_shared<std::string>("text");
  CLI::App* command = app.add_subcommand(
      "doctor", "what this kernel gives to policyc, what is missing and what that costs");
  auto places = std::make_shared<NetworkPlaces>();
  add_doctor_output(*command, output);
  add_network_places(*command, *places);
  add_doctor_kube_proxy(*command, output, context);
  add_doctor_network(*command, output, places, context);
  command->callback([command, output, places, &context] {
    if (command->get_subcommands().empty()) context.exit_code = run(*output, *places, context);
  });
}

}  // namespace policyc::cli
