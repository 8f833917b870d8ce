#pragma once
// What Prometheus reads: names of Cilium where the meaning is equal (docs/agent.md has the table).
// Counters may be raised and the text be made on any thread.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loader/agent/loop.h"
#include "loader/bpf/memory.h"
#include "loader/conntrack/collector.h"
#include "loader/maps/counters.h"
#include "loader/reconcile/reconciler.h"

namespace prometheus {
struct MetricFamily;
}

namespace policyc::agent {

// What is read when somebody asks for it, on the event loop.
struct Snapshot {
  std::uint64_t policies = 0;
  std::uint64_t revision = 0;
  std::map<std::string, std::uint64_t> endpoints;  // by state
  std::uint64_t compiler_files = 0;
  std::uint64_t failing_components = 0;
};
// What the kernel and the disk say.
struct KernelSnapshot {
  std::map<std::string, std::uint64_t> identities;     // by type
  std::map<std::string, std::uint64_t> label_sources;  // identities that have a label of it
  std::map<std::string, std::uint64_t> enforcement;    // endpoints: "none", "audit-both", ...
  std::vector<maps::Counter> counters;
  std::uint64_t limited_events = 0;
  std::optional<bpf::Memory> memory;
  struct Table {
    std::string name;
    std::uint64_t entries = 0;
    std::uint64_t capacity = 0;
  };
  std::vector<Table> tables;
};

// Services by what became of them.
struct ServiceEvents {
  std::size_t added = 0;
  std::size_t updated = 0;
  std::size_t deleted = 0;
};

// Endpoints that an agent before this one was told of.
struct Restored {
  std::size_t total = 0;
  std::size_t successful = 0;
  std::size_t failed = 0;
  std::size_t skipped = 0;  // their interface is gone
};

class Metrics {
 public:
  Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;
  ~Metrics();

  void attempted(const reconcile::Attempt& attempt);
  void policy_changed();
  void policy_refused();
  // Times from when the source told of a change: until it is in force, until the peers of it are
  // known to the kernel.
  void policy_implemented(Clock::duration delay);
  void peers_implemented(Clock::duration delay);
  // Without a delay: they are not there because the source changed.
  void services_changed(const ServiceEvents& events, std::optional<Clock::duration> delay);
  // `phase`: "read_from_disk", "restoration", "regeneration".
  void restored(const std::string& phase, const Restored& endpoints, Clock::duration time);
  void subprocess_started();
  void bootstrapped(double seconds);
  void collected(bool success, const conntrack::PassReport* report);
  void api_call(const std::string& method, const std::string& outcome, double seconds);

  // Text format 0.0.4.
  [[nodiscard]] std::string text(const Snapshot& snapshot, const KernelSnapshot& kernel);

 private:
  struct Families;
  [[nodiscard]] std::vector<prometheus::MetricFamily> counted() const;
  std::unique_ptr<Families> families_;
};

}  // namespace policyc::agent
