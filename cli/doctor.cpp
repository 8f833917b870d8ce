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

  [[nodiscard]] bool ready() const { return kernel::is_ready(features) && datapath; }
};

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
  out << (diagnosis.ready() ? "policyc can be used here\n" : "policyc cannot be used here\n")
      << "more: `policyc doctor network`, `policyc doctor kube-proxy`\n";
}

Json to_json(const Diagnosis& diagnosis) {
  Json json = {{"kernel", diagnosis.release},
               {"ready", diagnosis.ready()},
               {"features", Json::array()},
               {"datapath", Json::object()},
               {"grace_periods_given_back_for", diagnosis.left_behind}};
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

int run(const std::string& output, Context& context) {
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  const Diagnosis diagnosis{kernel::release(), kernel::probe_features(),
                            kernel::try_datapath(backend::datapath_object()),
                            endpoint::repair_expedited_grace()};
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
  add_doctor_output(*command, output);
  add_doctor_kube_proxy(*command, output, context);
  add_doctor_network(*command, output, context);
  command->callback([command, output, &context] {
    if (command->get_subcommands().empty()) context.exit_code = run(*output, context);
  });
}

}  // namespace policyc::cli
