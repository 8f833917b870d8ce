#pragma once
// What this plugin asks the node agent, with the codes of a plugin.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "loader/api/client.h"
#include "loader/cni/request.h"

namespace policyc::cni {

class Agent {
 public:
  explicit Agent(const Config& config)
      : client_(config.agent_socket), timeout_(config.agent_timeout) {}

  // TryLater when the agent is away or not ready.
  [[nodiscard]] Expected<void> add(const v1::AddEndpointRequest& request);
  [[nodiscard]] Expected<void> remove(const Environment& environment);
  [[nodiscard]] Expected<void> check(const Environment& environment);
  [[nodiscard]] Expected<std::vector<ipam::Owner>> collect(const std::string& network,
                                                           const std::set<ipam::Owner>& valid);
  // Whom collect() would remove, with the host's interface of each.
  [[nodiscard]] Expected<std::map<ipam::Owner, std::string>> others(
      const std::string& network, const std::set<ipam::Owner>& valid);
  // NotAvailable when ADD would fail; Limited when the node's datapath does not work.
  [[nodiscard]] Expected<void> status();

 private:
  api::Client client_;
  std::chrono::milliseconds timeout_;
};

}  // namespace policyc::cni
