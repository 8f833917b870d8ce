// What is wanted becomes what is (agent.h).

#include <algorithm>
#include <set>

#include "loader/agent/agent.h"

namespace policyc::agent {

namespace {
// Changes of peers stay in memory that long after the last one.
constexpr std::chrono::seconds kSettleDelay{2};
constexpr std::chrono::seconds kLongestUnsettled{20};
// Larger ones are compiled first.
constexpr unsigned kNewPodPriority = 10;
constexpr unsigned kRebuildPriority = 1;
}  // namespace

void Agent::work_soon() {
  if (std::exchange(work_posted_, true)) return;
  loop_.post([this, alive = alive_] {
    if (!*alive) return;
    work_posted_ = false;
    work();
  });
}

void Agent::work_at(TimePoint time) {
  if (work_timer_) {
    if (work_timer_->first <= time) return;
    loop_.cancel(*work_timer_);
  }
  work_timer_ = loop_.at(time, [this] {
    work_timer_.reset();
    work();
  });
}

void Agent::work() {
  const TimePoint now = Clock::now();
  if (const auto flushed = endpoints_->flush(); !flushed) {
    report("endpoints", false, flushed.error().message);
    work_at(now + std::chrono::seconds(1));
    return;
  }
  if (parts_.progress) parts_.progress("registry");
  const auto next = reconciler_->step(now);
  compile_missing(now);
  if (!next || *next > now) {
    // One more look: the last step may have been the one that somebody waits for.
    if (const auto deadline = endpoints_->settle(now)) work_at(*deadline);
    if (next) work_at(*next);
    apply_services(now);
    attach_programs(now);
    measure_in_force();
    measure_restored();
    const std::size_t failing = reconciler_->failing();
    report("endpoints", failing == 0,
           failing == 0 ? std::string() : std::to_string(failing) + " cannot have their policy");
    report("datapath", reconciler_->node_error().empty(), reconciler_->node_error());
    return;
  }
  if (const auto deadline = endpoints_->settle(now)) work_at(*deadline);
  work_soon();
}

void Agent::compile_missing(TimePoint now) {
  for (const reconcile::CompileStep& step : reconciler_->missing(now)) {
    const bool under_way = std::ranges::any_of(
        compiling_, [&step](const auto& request) { return request.second == step.shape; });
    if (under_way) continue;
    listen_to_compiler();
    const bool urgent = step.urgency == reconcile::Urgency::NewPod;
    compiling_[compiler_->compile(step.shape, urgent ? kNewPodPriority : kRebuildPriority)] =
        step.shape;
  }
}

void Agent::apply_services(TimePoint now) {
  if (!parts_.services || !resolved_once_ || (!all_services_ && changed_services_.empty())) return;
  if (service_retry_ && now < *service_retry_) return;
  const bool all = all_services_;
  const auto change = all ? parts_.services->apply(services_)
                          : parts_.services->change(services_, changed_services_);
  if (!change) {
    report("services", false, change.error().message);
    all_services_ = true;
    ++service_failures_;
    service_retry_ = now + backoff_.after(service_failures_);
    work_at(*service_retry_);
    return;
  }
  if (parts_.progress) parts_.progress("services");
  service_failures_ = 0;
  service_retry_.reset();
  all_services_ = false;
  changed_services_.clear();
  measure_services();
  std::string message;
  for (const std::string& conflict : change->conflicts)
    message += (message.empty() ? "" : "; ") + conflict;
  report("services", true, std::move(message));
}

// Once: the services are in the maps, and so are all endpoints that can be.
void Agent::attach_programs(TimePoint now) {
  if (!parts_.attach || !resolved_once_ || (parts_.services && all_services_)) return;
  if (attach_retry_ && now < *attach_retry_) return;
  const bool waiting = std::ranges::any_of(reconciler_->statuses(), [](const auto& endpoint) {
    return endpoint.second.state == reconcile::EndpointState::Waiting &&
           endpoint.second.failures == 0;
  });
  if (waiting) return;
  auto attached = parts_.attach();
  if (attached && parts_.services) attached = parts_.services->programs_attached();
  if (!attached || attach_failures_ != 0)
    report("devices", attached.has_value(), attached ? std::string() : attached.error().message);
  if (!attached) {
    attach_retry_ = now + backoff_.after(++attach_failures_);
    return work_at(*attach_retry_);
  }
  parts_.attach = nullptr;
  if (parts_.progress) parts_.progress("attached");
}

void Agent::settle_soon() {
  const TimePoint now = Clock::now();
  if (settle_timer_) {
    loop_.cancel(*settle_timer_);
  } else {
    unsettled_since_ = now;
  }
  settle_timer_ =
      loop_.at(std::min(now + kSettleDelay, unsettled_since_ + kLongestUnsettled), [this] {
        settle_timer_.reset();
        if (const auto settled = parts_.node->settle(); !settled)
          report("datapath", false, settled.error().message);
      });
}

void Agent::attempted(const reconcile::Attempt& attempt) {
  measure_attempt(attempt);
  settle_soon();
  if (!attempt.success)
    parts_.log(std::string(attempt.kind) + " of " + std::to_string(attempt.endpoints) +
               " endpoints failed: " + attempt.error);
  for (const std::string& starved : attempt.starved) parts_.log("no room: " + starved);
}

}  // namespace policyc::agent
