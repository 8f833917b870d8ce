#include "loader/agent/metrics.h"

#include <cmath>
#include <set>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "loader/observe/hubble.h"
#include "runtime/abi/abi.h"

namespace policyc::agent {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::MetricFamily;
using prometheus::MetricType;

const Histogram::BucketBoundaries kSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                           0.25,  0.5,    1,     2.5,  5,     10};

double seconds(reconcile::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

// A family of what is read at the moment of asking.
class Read {
 public:
  Read(std::string name, std::string help, MetricType type) {
    family_.name = std::move(name);
    family_.help = std::move(help);
    family_.type = type;
  }
  void add(double value, std::vector<prometheus::ClientMetric::Label> labels = {}) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = value;
    metric.counter.value = value;
    family_.metric.push_back(std::move(metric));
  }
  [[nodiscard]] MetricFamily take() { return std::move(family_); }

 private:
  MetricFamily family_;
};

std::string drop_text(std::uint16_t reason) {
  const auto& code = observe::drop_code(static_cast<std::uint8_t>(reason));
  return code.text.empty() ? "reason " + std::to_string(reason) : std::string(code.text);
}

void add_counters(const std::vector<maps::Counter>& counters, std::vector<MetricFamily>& out) {
  Read dropped("cilium_drop_count_total", "Dropped packets", MetricType::Counter);
  Read dropped_bytes("cilium_drop_bytes_total", "Bytes of dropped packets", MetricType::Counter);
  Read forwarded("cilium_forward_count_total", "Forwarded packets", MetricType::Counter);
  Read forwarded_bytes("cilium_forward_bytes_total", "Bytes of forwarded packets",
                       MetricType::Counter);
  // Several of our reasons may be one of Hubble's.
  std::map<std::pair<std::string, std::string>, std::pair<double, double>> drops;
  for (const maps::Counter& counter : counters) {
    const std::string direction = counter.direction == POLICYC_INGRESS ? "INGRESS" : "EGRESS";
    const auto packets = static_cast<double>(counter.packets);
    const auto bytes = static_cast<double>(counter.bytes);
    if (counter.reason == DROP_NONE) {
      forwarded.add(packets, {{"direction", direction}});
      forwarded_bytes.add(bytes, {{"direction", direction}});
    } else {
      auto& sum = drops[{drop_text(counter.reason), direction}];
      sum.first += packets;
      sum.second += bytes;
    }
  }
  for (const auto& [labels, sum] : drops) {
    dropped.add(sum.first, {{"reason", labels.first}, {"direction", labels.second}});
    dropped_bytes.add(sum.second, {{"reason", labels.first}, {"direction", labels.second}});
  }
  for (Read* read : {&dropped, &dropped_bytes, &forwarded, &forwarded_bytes})
    out.push_back(read->take());
}

}  // namespace

struct Metrics::Families {
  prometheus::Registry registry;
  Family<Counter>& regenerations = BuildCounter()
                                       .Name("cilium_endpoint_regenerations_total")
                                       .Help("Endpoints that were given a policy")
                                       .Register(registry);
  Family<Histogram>& regeneration_time =
      BuildHistogram()
          .Name("cilium_endpoint_regeneration_time_stats_seconds")
          .Help("Time of one change of the node, for all its endpoints")
          .Register(registry);
  Family<Counter>& policy_changes = BuildCounter()
                                        .Name("cilium_policy_change_total")
                                        .Help("Changes of the source, joined where they came close")
                                        .Register(registry);
  Family<Counter>& service_events = BuildCounter()
                                        .Name("cilium_services_events_total")
                                        .Help("Services that came, changed or went")
                                        .Register(registry);
  Family<Counter>& peers = BuildCounter()
                               .Name("cilium_ipcache_events_total")
                               .Help("Addresses of the IP cache written or removed")
                               .Register(registry);
  Family<Counter>& subprocesses = BuildCounter()
                                      .Name("cilium_subprocess_start_total")
                                      .Help("Starts of the compiler process")
                                      .Register(registry);
  Family<Gauge>& bootstrap = BuildGauge()
                                 .Name("cilium_agent_bootstrap_seconds")
                                 .Help("From the start of the agent to its first enforced state")
                                 .Register(registry);
  Family<Counter>& collections = BuildCounter()
                                     .Name("cilium_datapath_conntrack_gc_runs_total")
                                     .Help("Passes over the connection tables")
                                     .Register(registry);
  Family<Gauge>& collected = BuildGauge()
                                 .Name("cilium_datapath_conntrack_gc_entries")
                                 .Help("Connections that the last pass left or removed")
                                 .Register(registry);
  Family<Histogram>& collection_time = BuildHistogram()
                                           .Name("cilium_datapath_conntrack_gc_duration_seconds")
                                           .Help("Time of a pass over the connection tables")
                                           .Register(registry);
  Family<Histogram>& api = BuildHistogram()
                               .Name("cilium_api_process_time_seconds")
                               .Help("Time of calls of the API")
                               .Register(registry);
};

Metrics::Metrics() : families_(std::make_unique<Families>()) { subprocess_started(); }
Metrics::~Metrics() = default;

void Metrics::attempted(const reconcile::Attempt& attempt) {
  const std::string outcome = attempt.success ? "success" : "failure";
  if (attempt.kind == "load") {
    families_->regenerations.Add({{"outcome", outcome}})
        .Increment(static_cast<double>(attempt.endpoints));
    const bool urgent = attempt.urgency == reconcile::Urgency::NewPod;
    families_->regeneration_time
        .Add({{"scope", urgent ? "newEndpoint" : "total"}, {"status", outcome}}, kSeconds)
        .Observe(seconds(attempt.elapsed));
  }
  families_->peers.Add({{"type", std::string(attempt.kind)}})
      .Increment(static_cast<double>(attempt.addresses));
}

void Metrics::policy_changed() {
  families_->policy_changes.Add({{"outcome", "success"}}).Increment();
}

void Metrics::policy_refused() {
  families_->policy_changes.Add({{"outcome", "failure"}}).Increment();
}

void Metrics::services_changed(std::size_t upserted, std::size_t removed) {
  families_->service_events.Add({{"action", "update"}}).Increment(static_cast<double>(upserted));
  families_->service_events.Add({{"action", "delete"}}).Increment(static_cast<double>(removed));
}

void Metrics::subprocess_started() {
  families_->subprocesses.Add({{"subsystem", "compiler"}}).Increment();
}

void Metrics::bootstrapped(double time) {
  families_->bootstrap.Add({{"scope", "overall"}, {"outcome", "success"}}).Set(time);
}

void Metrics::collected(bool success, const conntrack::PassReport* report) {
  families_->collections.Add({{"status", success ? "completed" : "uncompleted"}}).Increment();
  if (report == nullptr) return;
  families_->collection_time.Add({}, kSeconds)
      .Observe(std::chrono::duration<double>(report->elapsed).count());
  for (const std::size_t family : {0U, 1U}) {
    const char* name = family == 0 ? "ipv4" : "ipv6";
    families_->collected.Add({{"family", name}, {"status", "alive"}})
        .Set(static_cast<double>(report->tables[family].live));
    families_->collected.Add({{"family", name}, {"status", "deleted"}})
        .Set(static_cast<double>(report->tables[family].removed));
  }
}

void Metrics::api_call(const std::string& method, const std::string& outcome, double time) {
  families_->api.Add({{"method", method}, {"return_code", outcome}}, kSeconds).Observe(time);
}

std::string Metrics::text(const Snapshot& snapshot, const KernelSnapshot& kernel) {
  std::vector<MetricFamily> out = families_->registry.Collect();
  const auto gauge = [&out](const char* name, const char* help, std::uint64_t value) {
    Read read(name, help, MetricType::Gauge);
    read.add(static_cast<double>(value));
    out.push_back(read.take());
  };
  gauge("cilium_policy", "Policies in force", snapshot.policies);
  gauge("cilium_policy_max_revision", "Revision of the source that every endpoint enforces",
        snapshot.revision);
  gauge("cilium_controllers_failing", "Parts of the agent that do not do their work",
        snapshot.failing_components);
  Read states("cilium_endpoint_state", "Endpoints by state", MetricType::Gauge);
  std::uint64_t endpoints = 0;
  for (const auto& [state, count] : snapshot.endpoints) {
    states.add(static_cast<double>(count), {{"endpoint_state", state}});
    endpoints += count;
  }
  out.push_back(states.take());
  gauge("cilium_endpoint", "Endpoints that the agent knows", endpoints);
  Read identities("cilium_identity", "Identities by type", MetricType::Gauge);
  for (const auto& [type, count] : kernel.identities)
    identities.add(static_cast<double>(count), {{"type", type}});
  out.push_back(identities.take());
  Read pressure("cilium_bpf_map_pressure", "Share of a map that is taken, 0 to 1",
                MetricType::Gauge);
  Read capacity("cilium_bpf_map_capacity", "Entries that a map has room for", MetricType::Gauge);
  for (const auto& table : kernel.tables) {
    if (table.capacity == 0) continue;
    pressure.add(static_cast<double>(table.entries) / static_cast<double>(table.capacity),
                 {{"map_name", table.name}});
    capacity.add(static_cast<double>(table.capacity), {{"map_group", table.name}});
  }
  out.push_back(pressure.take());
  out.push_back(capacity.take());
  add_counters(kernel.counters, out);
  std::erase_if(out, [](const MetricFamily& family) { return family.metric.empty(); });
  return prometheus::TextSerializer().Serialize(out);
}

}  // namespace policyc::agent
