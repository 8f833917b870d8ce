#pragma once
// Manifests of services for `policyc service load` and `check`.

#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "compiler/policy/cluster.h"
#include "compiler/service/directory.h"
#include "compiler/support/result.h"

namespace policyc::cli {

struct ServiceInputArguments {
  std::vector<std::string> paths;
  std::string node_name;
  std::vector<std::string> node_addresses;
  std::string zone;
  std::string algorithm = "random";
  std::string forwarding = "snat";
  bool nat46x64 = false;
};

// PATH... and what the manifests do not say of the node.
void add_service_inputs(CLI::App& command, ServiceInputArguments& arguments);

struct ServiceInputs {
  service::Directory directory;
  service::NodeView node;                  // this one
  std::vector<service::NodeObject> nodes;  // all that have a manifest
};

// The objects of the manifests as the node sees them. Nothing: the exit code says why, diagnostics
// were printed.
[[nodiscard]] std::optional<ServiceInputs> read_directory(const ServiceInputArguments& arguments,
                                                          Context& context, int& exit_code);

// What the node should balance, by name. Nothing: the exit code says why, diagnostics were printed.
[[nodiscard]] std::optional<std::vector<service::DesiredService>> read_services(
    const ServiceInputArguments& arguments, Context& context, int& exit_code);

// The nodes as the IP cache knows them: this one with its addresses, those that its interfaces have
// included, and others.
[[nodiscard]] Result<std::vector<policy::ClusterNode>> cluster_nodes(const ServiceInputs& inputs);

}  // namespace policyc::cli
