#pragma once
// `policyc doctor` and what belongs to it.

#include <cstddef>
#include <memory>
#include <string>

#include "cli/command.h"
#include "loader/endpoint/paths.h"

namespace policyc::cli {

// -o text|json.
void add_doctor_output(CLI::App& command, const std::shared_ptr<std::string>& output);

// `policyc doctor kube-proxy`, below `doctor`.
void add_doctor_kube_proxy(CLI::App& doctor, const std::shared_ptr<std::string>& output,
                           Context& context);

// Where the network part looks; options of `doctor` and of `doctor network`.
struct NetworkPlaces {
  std::string cni_directory = "/etc/cni/net.d";
  std::string cgroup;  // empty: all of the node
  endpoint::Paths paths;
};
void add_network_places(CLI::App& command, NetworkPlaces& places);

// `policyc doctor network`.
void add_doctor_network(CLI::App& doctor, const std::shared_ptr<std::string>& output,
                        const std::shared_ptr<NetworkPlaces>& places, Context& context);

// What plain `doctor` says of the other parts.
struct NetworkSummary {
  std::size_t problems = 0;
  std::size_t notes = 0;
  std::string error{};  // why it could not be read; then it counts as a problem

  [[nodiscard]] bool good() const { return problems == 0 && error.empty(); }
};
[[nodiscard]] NetworkSummary summarize_network(const NetworkPlaces& places);
// A kube-proxy is no problem before policyc takes its work.
struct KubeProxySummary {
  std::size_t findings = 0;
  bool complete = true;
};
[[nodiscard]] KubeProxySummary summarize_kube_proxy();

}  // namespace policyc::cli
