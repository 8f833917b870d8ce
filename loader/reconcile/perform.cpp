// The steps of a plan, carried out (reconciler.h).

#include <algorithm>

#include "loader/reconcile/reconciler.h"

namespace policyc::reconcile {

void Reconciler::perform(const Plan& plan, TimePoint now) {
  const Step& step = plan.steps.front();
  if (const auto* load_step = std::get_if<LoadStep>(&step)) {
    load(*load_step, now);
  } else if (const auto* update_step = std::get_if<UpdateStep>(&step)) {
    update(*update_step, now);
  } else {
    change_peers(now);
  }
}

void Reconciler::load(const LoadStep& step, TimePoint now) {
  // The plan's indices are in the order of wanted_.
  std::vector<const WantedEndpoint*> all;
  for (const auto& [key, endpoint] : wanted_) all.push_back(&endpoint);
  std::vector<const WantedEndpoint*> endpoints;
  for (const std::size_t index : step.endpoints) endpoints.push_back(all.at(index));
  std::vector<endpoint::LoadRequest> requests;
  for (const WantedEndpoint* wanted : endpoints) {
    endpoint::LoadRequest request;
    if (requests.empty()) request = options_.node;
    request.hook = options_.node.hook;
    request.sizes = options_.node.sizes;
    request.object = objects_.at(wanted->shape).bytes;
    request.interface = wanted->interface;
    request.addresses = wanted->addresses;
    request.labels = wanted->labels;
    request.audit = wanted->audit;
    request.mac = wanted->mac;
    requests.push_back(std::move(request));
  }
  Attempt attempt{"load", endpoints.size(), step.urgency};
  const auto start = Clock::now();
  const auto reports = actions_.load(requests, step.with_inventory ? inventory_ : nullptr);
  attempt.elapsed = Clock::now() - start;
  if (!reports) {
    attempt.error = reports.error().message;
    if (endpoints.size() > 1) {
      for (const WantedEndpoint* wanted : endpoints) wanted_.at(wanted->key).alone = true;
    } else {
      fail_endpoint(std::string(endpoints.front()->key), attempt.error, now);
    }
    reread();
  } else {
    attempt.success = true;
    attempt.written = reports->front().ipcache.added + reports->front().ipcache.changed;
    attempt.removed = reports->front().ipcache.removed;
    for (const auto& starved : reports->front().starved)
      attempt.starved.push_back(starved.interface + ": " + starved.reason);
    if (step.with_inventory) applied_ = inventory_;
    node_changed_ = need_update_ = false;
    actual_.loaded = true;
    actual_.dirty = actual_.outdated = false;
    for (std::size_t i = 0; i < endpoints.size(); ++i) took_over(*endpoints[i], (*reports)[i]);
  }
  if (options_.on_attempt) options_.on_attempt(attempt);
}

void Reconciler::took_over(const WantedEndpoint& wanted, const endpoint::LoadReport& report) {
  std::erase_if(actual_.endpoints, [&wanted](const auto& endpoint) {
    return endpoint.second.record.interface == wanted.interface;
  });
  endpoint::EndpointRecord record;
  record.id = report.endpoint_id;
  record.interface = wanted.interface;
  record.interface_index = report.interface_index;
  record.addresses = wanted.addresses;
  record.identity = report.identity;
  record.labels = wanted.labels;
  record.shape = report.shape;
  record.hook = report.hook;
  record.audit = wanted.audit;
  record.mac = wanted.mac;
  actual_.endpoints[record.id] = {record, true};
  wanted_.at(wanted.key).alone = false;
}

void Reconciler::update(const UpdateStep& step, TimePoint now) {
  endpoint::UpdateRequest request;
  request.removed = step.removed;
  request.deny_response = options_.node.deny_response;
  Attempt attempt{"update", step.removed.size()};
  const auto start = Clock::now();
  const auto report =
      actions_.update(std::move(request), step.with_inventory ? inventory_ : nullptr);
  attempt.elapsed = Clock::now() - start;
  if (!report) {
    attempt.error = report.error().message;
    fail_node(attempt.error, now);
    reread();
  } else {
    attempt.success = true;
    attempt.written = report->ipcache.added + report->ipcache.changed;
    attempt.removed = report->ipcache.removed;
    for (const endpoint::Starved& starved : report->starved)
      attempt.starved.push_back(starved.shape + ": " + starved.reason);
    if (step.with_inventory) applied_ = inventory_;
    node_changed_ = need_update_ = false;
    actual_.dirty = actual_.outdated = false;
    for (const std::uint16_t id : step.removed) {
      const auto found = actual_.endpoints.find(id);
      if (found == actual_.endpoints.end()) continue;
      dropped_.erase(found->second.record.interface);
      actual_.endpoints.erase(found);
    }
    node_failures_ = 0;
    node_retry_.reset();
    node_error_.clear();
  }
  if (options_.on_attempt) options_.on_attempt(attempt);
}

void Reconciler::change_peers(TimePoint now) {
  Attempt attempt{"peers"};
  const auto start = Clock::now();
  const auto report = actions_.change_peers(applied_, inventory_);
  attempt.elapsed = Clock::now() - start;
  if (!report) {
    // Whatever it was, an update starts from what the kernel has.
    attempt.error = report.error().message;
    need_update_ = true;
    reread();
    fail_node(attempt.error, now);
    node_retry_ = now;
  } else {
    attempt.success = true;
    attempt.written = report->written;
    attempt.removed = report->removed;
    applied_ = inventory_;
    need_update_ = !report->starved.empty();
    if (need_update_) touch();
  }
  if (options_.on_attempt) options_.on_attempt(attempt);
}

void Reconciler::fail_endpoint(const std::string& key, const std::string& error, TimePoint now) {
  touch();
  EndpointStatus& status = statuses_[key];
  status.error = error;
  ++status.failures;
  status.next_attempt = now + backoff_.after(status.failures);
  if (status.state != EndpointState::Waiting) status.state = EndpointState::Failed;
}

void Reconciler::fail_node(const std::string& error, TimePoint now) {
  touch();
  node_error_ = error;
  ++node_failures_;
  node_retry_ = now + backoff_.after(node_failures_);
}

void Reconciler::reread() {
  touch();
  if (auto actual = actions_.read()) actual_ = std::move(*actual);
}

}  // namespace policyc::reconcile
