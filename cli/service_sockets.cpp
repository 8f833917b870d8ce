#include "cli/service_sockets.h"

#include <algorithm>
#include <iomanip>
#include <memory>
#include <ostream>
#include <string>

#include <nlohmann/json.hpp>

#include "cli/loader_options.h"
#include "loader/sockets/cgroup.h"
#include "loader/sockets/sockets.h"

namespace policyc::cli {
namespace {

struct Arguments {
  std::filesystem::path cgroup;
  std::string output = "text";
  endpoint::Paths paths;
};

int run_attach(const Arguments& arguments, Context& context) {
  if (auto ready = require_whole_node(arguments.paths); !ready)
    return kernel_error(context.err, ready.error());
  const auto cgroup = attach_sockets(arguments.paths, arguments.cgroup);
  if (!cgroup) return kernel_error(context.err, cgroup.error());
  context.out << "sockets of " << cgroup->string() << " are balanced\n";
  return kSuccess;
}

int run_detach(const Arguments& arguments, Context& context) {
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  if (auto detached = sockets::detach(arguments.paths.bpffs); !detached)
    return kernel_error(context.err, detached.error());
  return kSuccess;
}

void print_text(const std::vector<sockets::ProgramStatus>& programs, std::ostream& out) {
  for (const sockets::ProgramStatus& program : programs) {
    out << std::left << std::setw(14) << program.name;
    if (program.program_id == 0) {
      out << "not attached\n";
    } else {
      out << "program " << program.program_id << ", cgroup " << program.cgroup_id << "\n";
    }
  }
}

void print_json(const std::vector<sockets::ProgramStatus>& programs, std::ostream& out) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const sockets::ProgramStatus& program : programs) {
    nlohmann::ordered_json row{{"name", program.name}, {"attached", program.program_id != 0}};
    if (program.program_id != 0) {
      row["program"] = program.program_id;
      row["cgroup"] = program.cgroup_id;
    }
    list.push_back(std::move(row));
  }
  out << nlohmann::ordered_json{{"programs", std::move(list)}}.dump(2) << "\n";
}

int run_status(const Arguments& arguments, Context& context) {
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  const auto programs = sockets::status(arguments.paths.bpffs);
  if (!programs) return kernel_error(context.err, programs.error());
  if (arguments.output == "json") {
    print_json(*programs, context.out);
  } else {
    print_text(*programs, context.out);
  }
  return std::ranges::all_of(*programs, [](const auto& program) { return program.program_id != 0; })
             ? kSuccess
             : kFindings;
}

}  // namespace

Result<std::filesystem::path> attach_sockets(const endpoint::Paths& paths,
                                             const std::filesystem::path& cgroup) {
  const auto place =
      cgroup.empty() ? sockets::root_cgroup() : Result<std::filesystem::path>(cgroup);
  if (!place) return place;
  if (auto attached = sockets::attach(paths.bpffs, *place); !attached)
    return std::unexpected(attached.error());
  return place;
}

void add_service_sockets(CLI::App& service, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* attach = service.add_subcommand(
      "attach-sockets", "give the sockets of a cgroup backends when they connect to services");
  attach
      ->add_option("--cgroup", arguments->cgroup,
                   "the processes below it (default: the root of the cgroup2 file system)")
      ->type_name("DIR");
  CLI::App* detach =
      service.add_subcommand("detach-sockets", "leave services to the packets of sockets");
  CLI::App* status = service.add_subcommand(
      "sockets", "print which socket programs are attached; 1: one of them is not");
  status->add_option("-o,--output", arguments->output, "form of the output")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  for (CLI::App* command : {attach, detach, status}) add_loader_paths(*command, arguments->paths);
  attach->callback([arguments, &context] { context.exit_code = run_attach(*arguments, context); });
  detach->callback([arguments, &context] { context.exit_code = run_detach(*arguments, context); });
  status->callback([arguments, &context] { context.exit_code = run_status(*arguments, context); });
}

}  // namespace policyc::cli
