#pragma once
// What Prometheus reads: names of Cilium where the meaning is equal (docs/agent.md has the table).
// Counters may be raised and the text be made on any thread.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "loader/conntrack/collector.h"
#include "loader/maps/counters.h"
#include "loader/reconcile/reconciler.h"

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
  std::map<std::string, std::uint64_t> identities;  // by type
  std::vector<maps::Counter> counters;
  struct Table {
    std::string name;
    std::uint64_t entries = 0;
    std::uint64_t capacity = 0;
  };
  std::vector<Table> tables;
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
  void services_changed(std::size_t upserted, std::size_t removed);
  void subprocess_started();
  void bootstrapped(double seconds);
  void collected(bool success, const conntrack::PassReport* report);
  void api_call(const std::string& method, const std::string& outcome, double seconds);

  // Text format 0.0.4.
  [[nodiscard]] std::string text(const Snapshot& snapshot, const KernelSnapshot& kernel);

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace policyc::agent
