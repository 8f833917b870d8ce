// The text that Prometheus reads (metrics.h).

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "loader/agent/metrics.h"
#include "loader/observe/hubble.h"
#include "runtime/abi/abi.h"

namespace policyc::agent {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

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

std::string Metrics::text(const Snapshot& snapshot, const KernelSnapshot& kernel) {
  std::vector<MetricFamily> out = counted();
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
  const auto by_label = [&out](const char* name, const char* help, const char* label,
                               const std::map<std::string, std::uint64_t>& counts) {
    Read read(name, help, MetricType::Gauge);
    for (const auto& [value, count] : counts)
      read.add(static_cast<double>(count), {{label, value}});
    out.push_back(read.take());
  };
  by_label("cilium_identity", "Identities by type", "type", kernel.identities);
  by_label("cilium_identity_label_sources", "Identities that have a label of that source", "source",
           kernel.label_sources);
  by_label("cilium_policy_endpoint_enforcement_status",
           "Endpoints by the directions that policies enforce", "enforcement", kernel.enforcement);
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
  Read limited("cilium_bpf_ratelimit_dropped_total", "Events that the rate limit kept back",
               MetricType::Counter);
  limited.add(static_cast<double>(kernel.limited_events), {{"usage", "events_map"}});
  out.push_back(limited.take());
  if (kernel.memory) {
    gauge("cilium_bpf_maps_virtual_memory_max_bytes", "Memory of all BPF maps of this machine",
          kernel.memory->maps);
    gauge("cilium_bpf_progs_virtual_memory_max_bytes", "Memory of all BPF programs of this machine",
          kernel.memory->programs);
  }
  add_counters(kernel.counters, out);
  std::erase_if(out, [](const MetricFamily& family) { return family.metric.empty(); });
  return prometheus::TextSerializer().Serialize(out);
}

}  // namespace policyc::agent
