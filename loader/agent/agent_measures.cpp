// What the agent counts of its own work (agent.h).

#include "loader/agent/agent.h"

namespace policyc::agent {

void Agent::measure_services() {
  std::optional<Clock::duration> delay;
  if (services_since_) delay = Clock::now() - *services_since_;
  ServiceEvents events;
  for (const auto& [name, event] : service_events_) {
    switch (event) {
      case ServiceEvent::Added:
        ++events.added;
        break;
      case ServiceEvent::Updated:
        ++events.updated;
        break;
      case ServiceEvent::Deleted:
        ++events.deleted;
        break;
    }
  }
  parts_.metrics->services_changed(events, delay);
  services_since_.reset();
  service_events_.clear();
}

void Agent::measure_attempt(const reconcile::Attempt& attempt) {
  parts_.metrics->attempted(attempt);
  if (attempt.kind != "peers" || !attempt.success || !peers_since_) return;
  if (attempt.written + attempt.removed != 0)
    parts_.metrics->peers_implemented(Clock::now() - *peers_since_);
  peers_since_.reset();
}

void Agent::measure_in_force() {
  const auto delays = delays_.in_force(reconciler_->realized(), Clock::now());
  for (const Clock::duration delay : delays) parts_.metrics->policy_implemented(delay);
  // Peers that a change of endpoints took along are not a change of their own.
  if (reconciler_->realized() == revision_) peers_since_.reset();
}

// Once: every endpoint of before runs what is wanted now, or cannot.
void Agent::measure_restored() {
  if (!restoring_ || !resolved_once_) return;
  Restored restored;
  for (const std::string& key : *restoring_) {
    ++restored.total;
    const auto* status = reconciler_->status(key);
    if (status == nullptr || status->state == reconcile::EndpointState::Gone) {
      ++restored.skipped;
    } else if (status->state == reconcile::EndpointState::Ready) {
      ++restored.successful;
    } else if (status->failures != 0) {
      ++restored.failed;
    } else {
      return;
    }
  }
  parts_.metrics->restored("regeneration", restored, Clock::now() - began_);
  restoring_.reset();
}

}  // namespace policyc::agent
