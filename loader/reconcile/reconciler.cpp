#include "loader/reconcile/reconciler.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "loader/attach/attach.h"
#include "loader/endpoint/shapes.h"

namespace policyc::reconcile {

Reconciler::Reconciler(NodeActions& actions, ReconcilerOptions options)
    : actions_(actions), options_(std::move(options)), backoff_(options_.backoff, options_.seed) {}

Result<void> Reconciler::adopt(const std::function<bool(std::uint32_t)>& interface_exists) {
  auto actual = actions_.read();
  if (!actual) return std::unexpected(actual.error());
  auto inventory = actions_.read_inventory();
  if (!inventory) return std::unexpected(inventory.error());
  actual_ = std::move(*actual);
  const auto response = options_.node.deny_response;
  node_changed_ = actual_.loaded && response && *response != actual_.deny_response;
  applied_ = inventory_ = std::move(*inventory);
  for (const auto& [id, endpoint] : actual_.endpoints) {
    if (!interface_exists(endpoint.record.interface_index))
      dropped_.insert(endpoint.record.interface);
  }
  return {};
}

void Reconciler::prepare() {
  if (!actual_.loaded) actual_.loaded = actions_.prepare(options_.node);
}

void Reconciler::put(WantedEndpoint endpoint) {
  touch();
  ++wanted_version_;
  dropped_.erase(endpoint.interface);
  EndpointStatus& status = statuses_[endpoint.key];
  if (status.state == EndpointState::Gone) status = {};
  for (const auto& [id, actual] : actual_.endpoints) {
    const endpoint::EndpointRecord& record = actual.record;
    if (record.interface != endpoint.interface ||
        record.interface_index != endpoint.interface_index || !actual.enforced)
      continue;
    status.id = id;
    status.identity = record.identity;
    status.shape = record.shape;
    if (status.state == EndpointState::Waiting) status.state = EndpointState::Regenerating;
  }
  const auto known = wanted_.find(endpoint.key);
  if (known != wanted_.end() && known->second.interface != endpoint.interface)
    dropped_.insert(known->second.interface);
  wanted_.insert_or_assign(endpoint.key, std::move(endpoint));
}

void Reconciler::remove(const std::string& key) {
  touch();
  ++wanted_version_;
  statuses_.erase(key);
  unresolved_.erase(key);
  const auto found = wanted_.find(key);
  if (found == wanted_.end()) return;
  dropped_.insert(found->second.interface);
  wanted_.erase(found);
}

void Reconciler::set_gone(const std::string& key) {
  touch();
  ++wanted_version_;
  const auto found = wanted_.find(key);
  if (found == wanted_.end()) return;
  dropped_.insert(found->second.interface);
  wanted_.erase(found);
  unresolved_.erase(key);
  EndpointStatus& status = statuses_[key];
  status.state = EndpointState::Gone;
  status.failures = 0;
  status.next_attempt.reset();
}

void Reconciler::set_shape(const std::string& key, const std::string& shape,
                           const policy::LabelSet& labels, const std::string& error,
                           TimePoint now) {
  const auto found = wanted_.find(key);
  if (found == wanted_.end()) return;
  if (!error.empty()) {
    touch();
    // Not tried again by itself: the next resolution says whether it can be.
    const bool is_known = !unresolved_.insert(key).second && statuses_[key].error == error;
    if (!is_known) fail_endpoint(key, error, now);
    statuses_[key].next_attempt.reset();
    return;
  }
  const bool was_unresolved = unresolved_.erase(key) != 0;
  WantedEndpoint& wanted = found->second;
  if (was_unresolved) {
    statuses_[key].error.clear();
    statuses_[key].failures = 0;
  }
  if (was_unresolved) touch();
  if (wanted.shape == shape && wanted.labels == labels) return;
  touch();
  wanted.shape = shape;
  wanted.labels = labels;
  EndpointStatus& status = statuses_[key];
  if (status.state == EndpointState::Ready || status.state == EndpointState::Failed)
    status.state = EndpointState::Regenerating;
  // Another policy may succeed where the one before did not.
  status.failures = 0;
  status.next_attempt.reset();
  wanted.held = wanted.alone = false;
}

void Reconciler::set_inventory(InventoryRef inventory) {
  if (inventory_ && inventory && same_inventory(*inventory_, *inventory)) return;
  inventory_ = std::move(inventory);
}

void Reconciler::set_node(const endpoint::LoadRequest& node, bool audit) {
  if (node.deny_response != options_.node.deny_response) node_changed_ = true;
  options_.node = node;
  touch();
  for (auto& [key, wanted] : wanted_) wanted.audit = audit;
}

Result<void> Reconciler::add_object(const std::string& shape, std::vector<std::uint8_t> object) {
  const auto read = endpoint::read_shape(object);
  if (!read) return std::unexpected(read.error());
  std::string key = endpoint::shape_key(*read, object);
  touch();
  object_keys_[shape] = key;
  objects_[shape] = {std::move(object), std::move(key)};
  return {};
}

void Reconciler::fail_object(const std::string& shape, const std::string& error, TimePoint now) {
  std::vector<std::string> users;
  for (const auto& [key, wanted] : wanted_) {
    if (wanted.shape == shape && !objects_.contains(shape)) users.push_back(key);
  }
  for (const std::string& key : users) fail_endpoint(key, error, now);
}

// Objects that nobody uses stay for a while: pods come and go, and policies are taken back.
void Reconciler::prune_objects() {
  constexpr std::size_t kSpare = 64;
  std::set<std::string> used;
  for (const auto& [key, wanted] : wanted_) used.insert(wanted.shape);
  if (objects_.size() <= used.size() + kSpare) return;
  std::erase_if(objects_, [&used](const auto& object) { return !used.contains(object.first); });
  std::erase_if(object_keys_, [&used](const auto& key) { return !used.contains(key.first); });
}

Plan Reconciler::plan(TimePoint now) {
  prune_objects();
  std::vector<WantedEndpoint> wanted;
  wanted.reserve(wanted_.size());
  for (auto& [key, endpoint] : wanted_) {
    const EndpointStatus& status = statuses_[key];
    endpoint.held = status.next_attempt && now < *status.next_attempt;
    endpoint.hook = attach::fixed_hook(options_.node.hook);
    wanted.push_back(endpoint);
  }
  PlanInput input;
  input.wanted = wanted;
  input.dropped = &dropped_;
  input.objects = &object_keys_;
  input.inventory_changed = inventory_changed();
  input.only_peers_changed = only_peers_changed();
  input.node_changed = node_changed_ || need_update_;
  input.max_batch = options_.max_batch;
  Plan plan = make_plan(actual_, input);
  if (node_retry_ && now < *node_retry_) {
    std::erase_if(plan.steps,
                  [](const Step& step) { return !std::holds_alternative<LoadStep>(step); });
  }
  return plan;
}

// Endpoints that have what they should.
void Reconciler::take_in(const Plan& plan) {
  std::unordered_map<std::string_view, const ActualEndpoint*> by_interface;
  for (const auto& [id, actual] : actual_.endpoints)
    by_interface.emplace(actual.record.interface, &actual);
  bool all = true;
  for (const auto& [key, wanted] : wanted_) {
    EndpointStatus& status = statuses_[key];
    if (!plan.settled.contains(key) || unresolved_.contains(key)) {
      all = false;
      continue;
    }
    if (!inventory_changed()) status.revision = revision_;
    status.state = EndpointState::Ready;
    status.error.clear();
    status.failures = 0;
    status.next_attempt.reset();
    const auto actual = by_interface.find(wanted.interface);
    if (actual == by_interface.end()) continue;
    const endpoint::EndpointRecord& record = actual->second->record;
    status.id = record.id;
    status.identity = record.identity;
    status.shape = record.shape;
  }
  at_rest_ = plan.steps.empty() && plan.compile.empty() && all;
  const bool peers = !actual_.loaded || !inventory_changed();
  if (all && plan.steps.empty() && peers) realized_ = revision_;
}

std::vector<CompileStep> Reconciler::missing(TimePoint now) {
  return steady_ ? std::vector<CompileStep>() : plan(now).compile;
}

// As a plan has it when all is as it should be but peers.
std::optional<TimePoint> Reconciler::step_of_peers(TimePoint now) {
  if (inventory_changed()) {
    at_rest_ = false;
    change_peers(now);
    return now;
  }
  at_rest_ = true;
  realized_ = revision_;
  return std::nullopt;
}

std::optional<TimePoint> Reconciler::step(TimePoint now) {
  const bool holds = node_retry_ && now < *node_retry_;
  if (steady_ && !holds && (!inventory_changed() || only_peers_changed()))
    return step_of_peers(now);
  const Plan next = plan(now);
  take_in(next);
  steady_ = at_rest_ && actual_.loaded && !inventory_changed() && !holds;
  if (next.steps.empty()) return next_attempt(now);
  perform(next, now);
  return now;
}

std::optional<TimePoint> Reconciler::next_attempt(TimePoint now) const {
  std::optional<TimePoint> next;
  const auto consider = [&next, now](const std::optional<TimePoint>& time) {
    if (time && *time > now && (!next || *time < *next)) next = time;
  };
  consider(node_retry_);
  for (const auto& [key, status] : statuses_) consider(status.next_attempt);
  return next;
}

void Reconciler::touch() {
  if (!std::exchange(steady_, false)) return;
  for (const auto& [key, wanted] : wanted_) statuses_[key].revision = realized_;
}

std::uint64_t Reconciler::revision_of(const EndpointStatus& status) const {
  return steady_ && status.state == EndpointState::Ready ? realized_ : status.revision;
}

std::size_t Reconciler::failing() const {
  if (steady_) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(
      statuses_, [](const auto& endpoint) { return endpoint.second.failures != 0; }));
}

const WantedEndpoint* Reconciler::wanted(const std::string& key) const {
  const auto found = wanted_.find(key);
  return found == wanted_.end() ? nullptr : &found->second;
}

const EndpointStatus* Reconciler::status(const std::string& key) const {
  const auto found = statuses_.find(key);
  return found == statuses_.end() ? nullptr : &found->second;
}

bool Reconciler::is_loaded(const std::string& interface) const {
  return std::ranges::any_of(actual_.endpoints, [&interface](const auto& endpoint) {
    return endpoint.second.record.interface == interface;
  });
}

}  // namespace policyc::reconcile
