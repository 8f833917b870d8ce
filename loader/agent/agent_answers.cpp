// What the compiler answers (agent.h).

#include "loader/agent/agent.h"

namespace policyc::agent {

void Agent::resolve_soon(Clock::duration delay) {
  if (!files_->synced()) return;
  if (resolving_ != 0) {
    resolve_again_ = true;
    return;
  }
  if (delay == Clock::duration{}) {
    stop_timer(resolve_timer_);
    return resolve();
  }
  if (resolve_timer_) return;
  resolve_timer_ = loop_.at(Clock::now() + delay, [this] {
    resolve_timer_.reset();
    if (resolving_ == 0) resolve();
  });
}

void Agent::resolve() {
  // What it is asked for may be about what was not read yet.
  if (rest_timer_) end_rest();
  if (resolving_ != 0) {
    resolve_again_ = true;
    return;
  }
  resolve_again_ = false;
  resolving_revision_ = revision_;
  listen_to_compiler();
  resolving_ = compiler_->resolve(endpoints_->local(), resolve_everything_);
}

void Agent::read_compiler() {
  auto answers = compiler_->pump();
  if (!answers) {
    report("compiler", false, answers.error().message);
    return;
  }
  for (worker::Answer& answer : *answers) std::visit([this](auto& one) { take(one); }, answer);
  report_files();
}

void Agent::take(worker::FileResult& result) {
  if (!result.accepted) parts_.metrics->policy_refused();
  if (!result.accepted && !result.diagnostics.empty()) parts_.log(result.diagnostics);
  files_->take(result);
}

void Agent::take(worker::Resolved& resolved) {
  if (resolved.id != resolving_) return;
  resolving_ = 0;
  resolve_failures_ = 0;
  if (swarm_asked_) {
    stop_timer(source_timer_);
    source_changes_.clear();
    swarm_over(true);
    resolving_revision_ = revision_;
  }
  resolve_everything_ = false;
  const bool first = !std::exchange(resolved_once_, true);
  if (first || !components_["compiler"].healthy) report("compiler", true, {});
  if (auto kept = files_->settle(resolved.refused); !kept) parts_.log(kept.error().message);
  if (parts_.progress) parts_.progress("source kept");
  const TimePoint now = Clock::now();
  reconciler_->set_revision(resolving_revision_);
  if (!resolved.same_subjects) take_subjects(resolved, now);
  const auto since = delays_.resolved(resolving_revision_);
  const auto inventory = reconciler_->inventory();
  if (resolved.inventory) reconciler_->set_inventory(std::move(resolved.inventory));
  if (reconciler_->inventory() != inventory && !peers_since_) peers_since_ = since;
  take_services(resolved, since);
  if (resolve_again_) resolve_soon();
  work_soon();
}

void Agent::take_subjects(worker::Resolved& resolved, TimePoint now) {
  for (worker::ResolvedEndpoint& one : resolved.endpoints) {
    policies_of_[one.key] = std::move(one.policies);
    reconciler_->set_shape(one.key, one.shape, one.labels, one.error, now);
  }
  std::erase_if(policies_of_, [this](const auto& entry) {
    return endpoints_->registry().find(entry.first) == nullptr;
  });
  policies_ = std::move(resolved.policies);
  diagnostics_ = std::move(resolved.diagnostics);
}

void Agent::take_services(worker::Resolved& resolved, std::optional<TimePoint> since) {
  if (!parts_.services) return;
  std::map<std::string, service::DesiredService> before;
  if (resolved.everything) {
    before.swap(services_);
    all_services_ = true;
  }
  for (const std::string& name : resolved.removed_services) {
    if (services_.erase(name) != 0) service_events_[name] = ServiceEvent::Deleted;
    changed_services_.insert(name);
  }
  for (service::DesiredService& service : resolved.services) {
    const auto& known = resolved.everything ? before : services_;
    const auto found = known.find(service.name);
    if (found == known.end()) {
      service_events_[service.name] = ServiceEvent::Added;
    } else if (found->second != service) {
      service_events_[service.name] = ServiceEvent::Updated;
    }
    changed_services_.insert(service.name);
    services_.insert_or_assign(service.name, std::move(service));
  }
  for (const auto& [name, service] : before) {
    if (!services_.contains(name)) service_events_[name] = ServiceEvent::Deleted;
  }
  if (!service_events_.empty() && !services_since_) services_since_ = since;
}

void Agent::take(worker::Compiled& compiled) {
  compiling_.erase(compiled.id);
  const auto added = reconciler_->add_object(compiled.shape, std::move(compiled.object));
  if (!added) {
    reconciler_->fail_object(compiled.shape, "the compiler's object: " + added.error().message,
                             Clock::now());
  }
  work_soon();
}

void Agent::take(worker::Failed& failed) {
  using worker::FailureReason;
  if (failed.id == resolving_) {
    resolving_ = 0;
    swarm_asked_ = false;
    if (failed.reason == FailureReason::MoreThanPods) {
      if (resolve_again_) resolve_soon();
      return;
    }
    resolve_again_ = false;
    ++resolve_failures_;
    // After a loss of the process its own delay counts.
    const bool at_once =
        failed.reason == FailureReason::Restarted || failed.reason == FailureReason::UnknownShape;
    if (!at_once) report("compiler", false, "resolution: " + failed.message);
    resolve_soon(at_once && resolve_failures_ < 3 ? Clock::duration{}
                                                  : backoff_.after(resolve_failures_));
    return;
  }
  const auto found = compiling_.find(failed.id);
  if (found == compiling_.end()) return;
  const std::string shape = found->second;
  compiling_.erase(found);
  if (failed.reason == FailureReason::UnknownShape) return resolve_soon();
  if (failed.reason != FailureReason::Restarted)
    reconciler_->fail_object(shape, "compiling its policy: " + failed.message, Clock::now());
  work_soon();
}

void Agent::take(worker::Lost& lost) {
  parts_.metrics->subprocess_started();
  report("compiler", false, lost.message);
  resolve_everything_ = true;
  // Whether it is well again an answer tells.
  resolve_soon();
}

}  // namespace policyc::agent
