// policyc endpoint, identity, policy, ip, map, config: what the node agent knows.
#include <algorithm>
#include <memory>
#include <ostream>

#include <nlohmann/json.hpp>

#include "cli/agent_client.h"
#include "cli/command.h"
#include "cli/table.h"

namespace policyc::cli {
namespace {

template <class Texts>
std::string joined(const Texts& texts, const char* separator = ",") {
  std::string result;
  for (const std::string& text : texts) result += (result.empty() ? "" : separator) + text;
  return result.empty() ? "-" : result;
}

std::string state_text(v1::EndpointState state) {
  switch (state) {
    case v1::ENDPOINT_STATE_WAITING:
      return "waiting";
    case v1::ENDPOINT_STATE_READY:
      return "ready";
    case v1::ENDPOINT_STATE_REGENERATING:
      return "regenerating";
    case v1::ENDPOINT_STATE_FAILED:
      return "FAILED";
    case v1::ENDPOINT_STATE_GONE:
      return "gone";
    default:
      return "unknown";
  }
}

std::string pod_text(const v1::Endpoint& endpoint) {
  if (endpoint.pod_name().empty()) return "-";
  return endpoint.pod_namespace() + "/" + endpoint.pod_name();
}

TableRow row_of(const v1::Endpoint& endpoint) {
  return {std::to_string(endpoint.id()),
          pod_text(endpoint),
          endpoint.host_interface(),
          joined(endpoint.addresses()),
          std::to_string(endpoint.identity()),
          state_text(endpoint.state()),
          std::to_string(endpoint.policies_size()),
          endpoint.error().empty() ? "" : endpoint.error()};
}

void print(const v1::EndpointList& list, std::ostream& out) {
  std::vector<TableRow> rows{
      {"ID", "POD", "INTERFACE", "ADDRESSES", "IDENTITY", "STATE", "POLICIES", "ERROR"}};
  for (const v1::Endpoint& endpoint : list.endpoints()) rows.push_back(row_of(endpoint));
  print_table(rows, out);
}

void print(const v1::IdentityList& list, std::ostream& out) {
  std::vector<TableRow> rows{{"ID", "CLASS", "LABELS"}};
  for (const v1::Identity& identity : list.identities())
    rows.push_back({std::to_string(identity.number()), std::to_string(identity.peer_class()),
                    joined(identity.labels())});
  print_table(rows, out);
}

void print(const v1::PolicyList& list, std::ostream& out) {
  std::vector<TableRow> rows{{"KIND", "NAMESPACE", "NAME", "ENDPOINTS", "PLACE"}};
  for (const v1::Policy& policy : list.policies())
    rows.push_back({policy.kind(), policy.namespace_().empty() ? "-" : policy.namespace_(),
                    policy.name(), std::to_string(policy.endpoints()),
                    policy.file() + ":" + std::to_string(policy.line())});
  print_table(rows, out);
}

void print(const v1::AddressList& list, std::ostream& out) {
  std::vector<TableRow> rows{{"PREFIX", "IDENTITY", "CLASS"}};
  for (const v1::Address& address : list.addresses())
    rows.push_back({address.prefix(), std::to_string(address.identity()),
                    std::to_string(address.peer_class())});
  print_table(rows, out);
}

void print(const v1::MapList& list, std::ostream& out) {
  std::vector<TableRow> rows{{"MAP", "ENTRIES", "CAPACITY", "USED"}};
  for (const v1::Map& map : list.maps())
    rows.push_back(
        {map.name(), std::to_string(map.entries()), std::to_string(map.capacity()),
         map.capacity() == 0 ? "-" : std::to_string(map.entries() * 100 / map.capacity()) + "%"});
  print_table(rows, out);
}

template <class Reply>
int show(const AgentCall& call, Context& context, const api::Answer<Reply>& reply) {
  if (!reply) return call_failed(context, reply.error());
  if (call.output == "json")
    context.out << api::to_json(*reply);
  else
    print(*reply, context.out);
  return kSuccess;
}

// A subcommand `list` of one call.
template <class Ask>
void add_list(CLI::App& command, Context& context, const char* help, Ask ask) {
  auto call = std::make_shared<AgentCall>();
  CLI::App* list = command.add_subcommand("list", help);
  add_agent_call(*list, *call);
  list->callback([call, &context, ask] {
    api::Client client(call->socket);
    context.exit_code = show(*call, context, ask(client));
  });
}

// By id, pod, interface or container.
bool is_named(const v1::Endpoint& endpoint, const std::string& name) {
  return std::to_string(endpoint.id()) == name || pod_text(endpoint) == name ||
         endpoint.host_interface() == name || endpoint.ref().container_id() == name ||
         endpoint.ref().container_id() + "/" + endpoint.ref().container_interface() == name;
}

void print_one(const v1::Endpoint& endpoint, std::ostream& out) {
  out << "endpoint " << endpoint.id() << " " << pod_text(endpoint) << " on "
      << endpoint.host_interface() << ": " << state_text(endpoint.state()) << "\n  container "
      << endpoint.ref().container_id() << " " << endpoint.ref().container_interface()
      << "\n  addresses " << joined(endpoint.addresses(), " ") << "\n  identity "
      << endpoint.identity() << " " << joined(endpoint.labels(), " ") << "\n  shape "
      << endpoint.shape() << ", policy revision " << endpoint.policy_revision() << "\n";
  for (const std::string& policy : endpoint.policies()) out << "  policy " << policy << "\n";
  if (!endpoint.error().empty())
    out << "  failed " << endpoint.failures() << " times: " << endpoint.error() << "\n";
}

int get_endpoint(const AgentCall& call, const std::string& name, Context& context) {
  api::Client client(call.socket);
  auto list = client.endpoints();
  if (!list) return call_failed(context, list.error());
  v1::EndpointList found;
  for (const v1::Endpoint& endpoint : list->endpoints()) {
    if (is_named(endpoint, name)) *found.add_endpoints() = endpoint;
  }
  if (found.endpoints_size() == 0) {
    context.err << "policyc: there is no endpoint " << name << "\n";
    return kFindings;
  }
  if (call.output == "json") {
    context.out << (found.endpoints_size() == 1 ? api::to_json(found.endpoints(0))
                                                : api::to_json(found));
    return kSuccess;
  }
  for (const v1::Endpoint& endpoint : found.endpoints()) print_one(endpoint, context.out);
  return kSuccess;
}

// As the configuration file has it: a setting a line.
void print_settings(const nlohmann::ordered_json& settings, std::ostream& out) {
  std::vector<TableRow> rows{{"SETTING", "VALUE"}};
  for (const auto& [name, value] : settings.items())
    rows.push_back({name, value.is_string() ? value.get<std::string>() : value.dump()});
  print_table(rows, out);
}

int show_config(const AgentCall& call, Context& context) {
  api::Client client(call.socket);
  const auto reply = client.config();
  if (!reply) return call_failed(context, reply.error());
  const auto settings = nlohmann::ordered_json::parse(reply->json(), nullptr, false);
  if (!settings.is_object()) {
    context.err << "policyc: the node agent's configuration is no JSON object\n";
    return kUnreadable;
  }
  if (call.output == "json")
    context.out << settings.dump(2) << "\n";
  else
    print_settings(settings, context.out);
  return kSuccess;
}

void add_config(CLI::App& app, Context& context) {
  const auto call = std::make_shared<AgentCall>();
  CLI::App* config =
      app.add_subcommand("config", "the settings that the running node agent works with");
  add_agent_call(*config, *call);
  config->callback([call, &context] { context.exit_code = show_config(*call, context); });
}

CLI::App* add_group(CLI::App& app, const char* name, const char* help) {
  CLI::App* command = app.add_subcommand(name, help);
  command->require_subcommand(1);
  return command;
}

}  // namespace

void add_agent_lists(CLI::App& app, Context& context) {
  CLI::App* endpoint = add_group(app, "endpoint", "endpoints of the node agent");
  add_list(*endpoint, context, "all of them, with their states",
           [](api::Client& client) { return client.endpoints(); });
  auto call = std::make_shared<AgentCall>();
  auto name = std::make_shared<std::string>();
  CLI::App* get = endpoint->add_subcommand("get", "one of them");
  get->add_option("name", *name, "id, namespace/pod, interface or container")
      ->required()
      ->type_name("NAME");
  add_agent_call(*get, *call);
  get->callback(
      [call, name, &context] { context.exit_code = get_endpoint(*call, *name, context); });
  add_list(*add_group(app, "identity", "identities of the node"), context,
           "all of them, with their labels",
           [](api::Client& client) { return client.identities(); });
  add_list(*add_group(app, "policy", "policies of the node agent"), context,
           "all of them, with the endpoints that they select",
           [](api::Client& client) { return client.policies(); });
  add_list(*add_group(app, "ip", "addresses of the node's IP cache"), context,
           "all of them, with their identities",
           [](api::Client& client) { return client.addresses(); });
  add_list(*add_group(app, "map", "maps of the node that fill up"), context,
           "all of them, with their entries and what they have room for",
           [](api::Client& client) { return client.maps(); });
  add_config(app, context);
}

}  // namespace policyc::cli
