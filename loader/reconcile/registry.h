#pragma once
// The endpoints that a container runtime told the agent of. Kept in <state>/agent/endpoints.json,
// so that an agent that starts again knows whose interfaces it finds.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/endpoint/link.h"

namespace policyc::reconcile {

// One container's interface; a container may have several.
struct Registration {
  std::string container_id;
  std::string container_interface;  // "eth0"
  std::string host_interface;
  std::uint32_t interface_index = 0;        // of the host's side when it was told
  std::vector<IpAddress> addresses;         // at most one of each family
  std::optional<endpoint::MacAddress> mac;  // of the container's side
  std::string network_namespace;            // path
  std::string network;                      // name of the CNI network
  std::string pod_namespace;                // empty when there is no pod
  std::string pod_name;
  policy::StringMap labels;
  friend bool operator==(const Registration&, const Registration&) = default;

  // "container/interface", unique on a node.
  [[nodiscard]] std::string key() const { return container_id + "/" + container_interface; }
};

class Registry {
 public:
  // An empty one when there is no file. A file that cannot be understood is an Error: without it
  // nobody knows whose endpoints are loaded.
  [[nodiscard]] static Result<Registry> open(std::filesystem::path file);

  [[nodiscard]] const std::map<std::string, Registration>& all() const { return endpoints_; }
  [[nodiscard]] const Registration* find(const std::string& key) const;
  struct Conflict {
    std::string key;      // who else has it
    std::string message;  // the interface, or an address
  };
  [[nodiscard]] std::vector<Conflict> conflicts(const Registration& registration) const;

  void put(Registration registration);
  bool erase(const std::string& key);
  // To disk, when something changed since the last time; before anything is enforced by it.
  [[nodiscard]] Result<void> flush();

 private:
  explicit Registry(std::filesystem::path file) : file_(std::move(file)) {}

  std::filesystem::path file_;
  std::map<std::string, Registration> endpoints_;  // by key
  bool changed_ = false;
};

[[nodiscard]] std::string to_json(const std::map<std::string, Registration>& endpoints);
[[nodiscard]] Result<std::map<std::string, Registration>> registrations_from_json(
    std::string_view text);

}  // namespace policyc::reconcile
