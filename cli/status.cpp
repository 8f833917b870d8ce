#include "loader/endpoint/status.h"

#include <memory>
#include <ostream>

#include <nlohmann/json.hpp>

#include "cli/agent_status.h"
#include "cli/command.h"
#include "cli/loader_options.h"
#include "loader/endpoint/datapath.h"
#include "loader/observe/event.h"
#include "runtime/abi/abi.h"

namespace policyc::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Arguments {
  std::string output = "text";
  std::filesystem::path socket = api::kSocket;
  bool has_agent = false;  // so the command says: without an answer that is an error
  bool loaded = false;     // what is in the kernel, whoever put it there
  endpoint::Paths paths;
};

const char* direction_name(std::uint8_t direction) {
  return direction == POLICYC_INGRESS ? "ingress" : "egress";
}

std::string_view outcome_name(const maps::Counter& counter) {
  return counter.reason == DROP_NONE ? "forwarded" : observe::reason_text(counter.reason);
}

std::string state_name(const endpoint::EndpointStatus& endpoint) {
  if (endpoint.enforced()) return endpoint.record.audit ? "audit" : "enforced";
  return endpoint.interface_present ? "NOT ENFORCED" : "interface gone";
}

void print_program(const std::optional<bpf::ProgramInfo>& program, std::string_view missing,
                   std::ostream& out) {
  if (program) {
    out << "program " << program->id << ", " << program->verified_instructions
        << " instructions verified, " << program->jited_bytes << " bytes of machine code\n";
  } else {
    out << missing << "\n";
  }
}

void print_endpoint(const endpoint::EndpointStatus& endpoint, std::ostream& out) {
  const endpoint::EndpointRecord& record = endpoint.record;
  out << "endpoint " << record.id << " " << (record.name.empty() ? "" : record.name + " ") << "on "
      << record.interface << " (index " << record.interface_index << "): " << state_name(endpoint)
      << "\n  addresses";
  for (const IpAddress& address : record.addresses) out << " " << address.to_string();
  out << ", identity " << record.identity << "\n  shape " << record.shape << "\n";
  for (const std::string& policy : endpoint.policies) out << "  policy " << policy << "\n";
  for (const attach::Side side : attach::kSides) {
    const auto& program = endpoint.programs[static_cast<std::size_t>(side)];
    out << "  " << attach::program_name(side) << ": ";
    if (program) out << attach::hook_name(record.hook) << ", ";
    print_program(program, "not attached", out);
  }
  for (const std::size_t direction : {0U, 1U}) {
    out << "  " << endpoint::policy_program_name(direction) << ": ";
    if (endpoint.slot != 0) out << "slot " << endpoint.slot << ", ";
    print_program(endpoint.policy_programs[direction], "missing", out);
  }
}

void print_shape(const endpoint::ShapeStatus& shape, std::ostream& out) {
  out << "  shape " << shape.key << " slot " << shape.slot << ", " << shape.endpoints
      << (shape.endpoints == 1 ? " endpoint" : " endpoints");
  for (const policyc_direction direction : {POLICYC_INGRESS, POLICYC_EGRESS}) {
    out << ", " << direction_name(direction) << " " << ir::form_name(shape.forms[direction]);
    const std::uint32_t rows = shape.capacity.matrix_rows[direction];
    if (rows != 0) out << " of " << rows << " rows";
  }
  if (shape.capacity.classes != 0) out << ", room for " << shape.capacity.classes << " classes";
  out << "\n";
}

void print_text(const endpoint::Status& status, std::ostream& out) {
  for (const auto& endpoint : status.endpoints) print_endpoint(endpoint, out);
  out << status.endpoints.size() << (status.endpoints.size() == 1 ? " endpoint, " : " endpoints, ")
      << status.identities << (status.identities == 1 ? " identity in " : " identities in ")
      << status.classes << (status.classes == 1 ? " class by " : " classes by ")
      << status.predicates << (status.predicates == 1 ? " predicate" : " predicates")
      << ", policy epoch " << status.epoch << (status.trace_verdicts ? ", verdicts traced" : "")
      << (status.trace_connections ? ", connections traced" : "")
      << (status.local_delivery ? "" : ", no delivery past the stack");
  if (status.deny_response != endpoint::DenyResponse::Drop)
    out << ", denials answered by " << endpoint::deny_response_name(status.deny_response);
  out << "\n";
  if (status.interrupted)
    out << "the last change did not finish: the next load or unload finishes it\n";
  for (const auto& shape : status.shapes) print_shape(shape, out);
  for (const auto& table : status.tables)
    out << "  " << table.name << " " << table.entries << " of " << table.capacity << "\n";
  for (const std::size_t family : {0U, 1U}) {
    if (status.connections.full[family] == 0) continue;
    out << "  conntrack" << (family == 0 ? "4" : "6") << " was found full by "
        << status.connections.full[family] << " connections\n";
  }
  if (status.connections.overflowed != 0)
    out << "  packets ask the overflow tables: policyc ct gc ends that\n";
  for (const maps::Counter& counter : status.counters) {
    out << "  " << direction_name(counter.direction) << " " << outcome_name(counter) << ": "
        << counter.packets << " packets, " << counter.bytes << " bytes\n";
  }
  if (status.limited_events != 0)
    out << "  " << status.limited_events << " events beyond the rate limit\n";
}

Json program_json(const std::optional<bpf::ProgramInfo>& program) {
  if (!program) return nullptr;
  return {{"id", program->id},
          {"verified_instructions", program->verified_instructions},
          {"instructions", program->instructions},
          {"jited_bytes", program->jited_bytes}};
}

Json to_json(const endpoint::Status& status) {
  Json json = {
      {"epoch", status.epoch},
      {"identities", status.identities},
      {"classes", status.classes},
      {"predicates", status.predicates},
      {"trace_verdicts", status.trace_verdicts},
      {"trace_connections", status.trace_connections},
      {"local_delivery", status.local_delivery},
      {"policy_deny_response", endpoint::deny_response_name(status.deny_response)},
      {"interrupted", status.interrupted},
      {"limited_events", status.limited_events},
      {"endpoints", Json::array()},
      {"shapes", Json::array()},
      {"tables", Json::object()},
      {"conntrack_full",
       {{"conntrack4", status.connections.full[0]}, {"conntrack6", status.connections.full[1]}}},
      {"conntrack_overflowed", status.connections.overflowed != 0},
      {"counters", Json::array()}};
  for (const auto& endpoint : status.endpoints) {
    const endpoint::EndpointRecord& record = endpoint.record;
    Json entry = {{"id", record.id},
                  {"name", record.name},
                  {"interface", record.interface},
                  {"interface_index", record.interface_index},
                  {"interface_present", endpoint.interface_present},
                  {"addresses", Json::array()},
                  {"identity", record.identity},
                  {"shape", record.shape},
                  {"subject", endpoint.subject},
                  {"policies", endpoint.policies},
                  {"hook", attach::hook_name(record.hook)},
                  {"audit", record.audit},
                  {"enforced", endpoint.enforced()},
                  {"programs", Json::object()}};
    for (const IpAddress& address : record.addresses)
      entry["addresses"].push_back(address.to_string());
    entry["slot"] = endpoint.slot;
    for (const std::size_t direction : {0U, 1U}) {
      entry["programs"][std::string(endpoint::policy_program_name(direction))] =
          program_json(endpoint.policy_programs[direction]);
    }
    for (const attach::Side side : attach::kSides) {
      entry["programs"][std::string(attach::program_name(side))] =
          program_json(endpoint.programs[static_cast<std::size_t>(side)]);
    }
    json["endpoints"].push_back(std::move(entry));
  }
  for (const auto& shape : status.shapes) {
    Json entry = {{"key", shape.key},
                  {"slot", shape.slot},
                  {"endpoints", shape.endpoints},
                  {"class_capacity", shape.capacity.classes},
                  {"directions", Json::object()}};
    for (const policyc_direction direction : {POLICYC_INGRESS, POLICYC_EGRESS}) {
      entry["directions"][direction_name(direction)] = {
          {"form", ir::form_name(shape.forms[direction])},
          {"row_capacity", shape.capacity.matrix_rows[direction]}};
    }
    json["shapes"].push_back(std::move(entry));
  }
  for (const auto& table : status.tables) {
    json["tables"][table.name] = {{"entries", table.entries}, {"capacity", table.capacity}};
  }
  for (const maps::Counter& counter : status.counters) {
    json["counters"].push_back({{"direction", direction_name(counter.direction)},
                                {"outcome", outcome_name(counter)},
                                {"packets", counter.packets},
                                {"bytes", counter.bytes}});
  }
  return json;
}

int run(const Arguments& arguments, Context& context) {
  if (!arguments.loaded && (arguments.has_agent || api::has_socket(arguments.socket)))
    return print_agent_status(arguments.socket, arguments.output, context);
  if (auto root = require_root(); !root) return kernel_error(context.err, root.error());
  const auto status = endpoint::read_status(arguments.paths);
  if (!status) return kernel_error(context.err, status.error());
  const endpoint::Status shown = *status ? **status : endpoint::Status{};
  if (arguments.output == "json") {
    context.out << to_json(shown).dump(2) << "\n";
  } else if (!*status) {
    context.out << "nothing is loaded\n";
  } else {
    print_text(shown, context.out);
  }
  return kSuccess;
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "status",
      "show whether the node is well, or what is loaded: endpoints, programs, tables, counters");
  command->add_option("-o,--output", arguments->output, "form of the output")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  add_loader_paths(*command, arguments->paths);
  command
      ->add_option("--socket", arguments->socket,
                   "of the node agent, which is asked: of the default one if it is there")
      ->type_name("FILE")
      ->capture_default_str();
  command->add_flag("--loaded", arguments->loaded,
                    "what is loaded, from the kernel, also where there is an agent");
  command->callback([arguments, command, &context] {
    arguments->has_agent = command->count("--socket") != 0;
    // Who names the loader's folders asks for these.
    if (command->count("--bpffs") + command->count("--state-dir") != 0 && !arguments->has_agent)
      arguments->loaded = true;
    context.exit_code = run(*arguments, context);
  });
}

}  // namespace policyc::cli
