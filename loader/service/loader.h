#pragma once
// The services of a node, held in its maps: what `policyc service load` and a daemon that watches
// Kubernetes drive. One process at a time (a lock in the state directory).

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/service/desired.h"
#include "compiler/support/result.h"
#include "loader/bpf/fd.h"
#include "loader/maps/service_maps.h"
#include "loader/service/planner.h"

namespace policyc::service {

// Of all services of a node; service_config_value.
struct Settings {
  std::uint32_t maglev_size = 16381;  // one of kMaglevSizes
  bool per_packet = true;             // packets of endpoints to frontends are translated
  bool drop_without_backend = false;  // instead of an ICMP error
  IpAddress loopback4 = *parse_ip_address("169.254.42.1");
  IpAddress loopback6 = *parse_ip_address("fe80::1");
  std::uint32_t hash_seed = 0x5eed1e55;  // the same on all nodes, so that they choose alike
};

// A backend whose number is free; what was given to it is known by both.
struct GoneBackend {
  std::uint32_t number = 0;
  std::uint32_t generation = 0;
};

// What a change did, in writes of maps.
struct ChangeReport {
  std::size_t frontends = 0;  // hash entries written
  std::size_t frontends_removed = 0;
  std::size_t services = 0;  // words of the array
  std::size_t slots = 0;
  std::size_t backends = 0;         // entries written, with those set free
  std::size_t tables = 0;           // Maglev tables built
  std::size_t writes = 0;           // all of them
  std::vector<GoneBackend> gone;    // backends that sockets may still be connected to
  std::vector<Conflict> conflicts;  // as they are after the change
};

class ServiceLoader {
 public:
  // Opens or makes the maps under `directory` and takes over what they hold; waits for another
  // process that works on `state`. The settings stay as they are unless configure() is called.
  [[nodiscard]] static Result<ServiceLoader> open(const std::filesystem::path& directory,
                                                  const std::filesystem::path& state,
                                                  const maps::ServiceMapSizes& sizes = {});

  // Whether there are maps.
  [[nodiscard]] static bool is_loaded(const std::filesystem::path& directory) {
    return maps::ServiceMaps::exist(directory);
  }

  [[nodiscard]] Result<void> configure(const Settings& settings);
  [[nodiscard]] Settings settings() const;

  // Makes the node balance exactly these. Names are unique.
  [[nodiscard]] Result<ChangeReport> apply(std::span<const DesiredService> all);
  // One service comes, changes or goes; the others are not looked at.
  [[nodiscard]] Result<ChangeReport> upsert(const DesiredService& service);
  [[nodiscard]] Result<ChangeReport> remove(const std::string& name);

  // Planner::set_state(), in the maps: one write of the backend in each set that has it, and what
  // of their slots and Maglev tables changes by it.
  [[nodiscard]] Result<std::vector<policyc_backend_state>> set_backend_state(
      const FrontendKey& backend, policyc_backend_state state);

  [[nodiscard]] const maps::ServiceMaps& maps() const { return maps_; }
  [[nodiscard]] const Planner& planner() const { return *planner_; }

 private:
  ServiceLoader(maps::ServiceMaps maps, bpf::Fd lock, std::filesystem::path state)
      : maps_(std::move(maps)), lock_(std::move(lock)), state_(std::move(state)) {}

  [[nodiscard]] Result<void> restore();
  template <class Plan>
  [[nodiscard]] Result<ChangeReport> change(Plan plan);

  maps::ServiceMaps maps_;
  bpf::Fd lock_;
  std::filesystem::path state_;
  std::unique_ptr<Planner> planner_;
  std::unordered_map<std::string, DesiredService> desired_;
  bool complete_ = false;  // everything in the maps is of `desired_`
};

// Frontends that two of the services ask for; the one whose name comes first gets it. Without a
// kernel.
[[nodiscard]] std::vector<Conflict> conflicts_of(std::span<const DesiredService> services);

}  // namespace policyc::service
