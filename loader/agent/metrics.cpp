#include "loader/agent/metrics.h"

#include <utility>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace policyc::agent {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

const Histogram::BucketBoundaries kSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                           0.25,  0.5,    1,     2.5,  5,     10};

double seconds(reconcile::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
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
  Family<Histogram>& policy_delay =
      BuildHistogram()
          .Name("cilium_policy_implementation_delay")
          .Help("From a change of the source to when it is in force, in seconds")
          .Register(registry);
  Family<Histogram>& peer_delay =
      BuildHistogram()
          .Name("cilium_policy_incremental_update_duration")
          .Help("From a change of peers to when the kernel knows them, in seconds")
          .Register(registry);
  Family<Histogram>& service_delay =
      BuildHistogram()
          .Name("cilium_service_implementation_delay")
          .Help("From a change of a service to when the maps have it, in seconds")
          .Register(registry);
  Family<Gauge>& restored = BuildGauge()
                                .Name("cilium_endpoint_restoration_endpoints")
                                .Help("Endpoints of before that this agent has taken over")
                                .Register(registry);
  Family<Gauge>& restoration_time = BuildGauge()
                                        .Name("cilium_endpoint_restoration_duration_seconds")
                                        .Help("Time that taking them over took")
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
  families_->peers.Add({{"type", "upsert"}}).Increment(static_cast<double>(attempt.written));
  families_->peers.Add({{"type", "delete"}}).Increment(static_cast<double>(attempt.removed));
}

void Metrics::policy_changed() {
  families_->policy_changes.Add({{"outcome", "success"}}).Increment();
}

void Metrics::policy_refused() {
  families_->policy_changes.Add({{"outcome", "failure"}}).Increment();
}

void Metrics::policy_implemented(Clock::duration delay) {
  families_->policy_delay.Add({{"source", "directory"}}, kSeconds).Observe(seconds(delay));
}

void Metrics::peers_implemented(Clock::duration delay) {
  families_->peer_delay.Add({{"scope", "global"}}, kSeconds).Observe(seconds(delay));
}

void Metrics::services_changed(const ServiceEvents& events, std::optional<Clock::duration> delay) {
  const std::pair<const char*, std::size_t> actions[] = {
      {"add", events.added}, {"update", events.updated}, {"delete", events.deleted}};
  for (const auto& [action, count] : actions) {
    families_->service_events.Add({{"action", action}}).Increment(static_cast<double>(count));
    if (!delay || count == 0) continue;
    auto& times = families_->service_delay.Add({{"action", action}}, kSeconds);
    for (std::size_t i = 0; i < count; ++i) times.Observe(seconds(*delay));
  }
}

void Metrics::restored(const std::string& phase, const Restored& endpoints, Clock::duration time) {
  const std::pair<const char*, std::size_t> outcomes[] = {{"total", endpoints.total},
                                                          {"successful", endpoints.successful},
                                                          {"failed", endpoints.failed},
                                                          {"skipped", endpoints.skipped}};
  for (const auto& [outcome, count] : outcomes)
    families_->restored.Add({{"phase", phase}, {"outcome", outcome}})
        .Set(static_cast<double>(count));
  families_->restoration_time.Add({{"phase", phase}}).Set(seconds(time));
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

std::vector<prometheus::MetricFamily> Metrics::counted() const {
  return families_->registry.Collect();
}

}  // namespace policyc::agent
