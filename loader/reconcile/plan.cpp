#include "loader/reconcile/plan.h"

#include <algorithm>
#include <unordered_map>

#include "loader/endpoint/shapes.h"

namespace policyc::reconcile {
namespace {

class Planner {
 public:
  Planner(const Actual& actual, const PlanInput& input) : actual_(actual), input_(input) {
    for (const auto& [id, endpoint] : actual.endpoints)
      by_interface_.emplace(endpoint.record.interface, &endpoint);
  }

  Plan run() {
    for (std::size_t index = 0; index < input_.wanted.size(); ++index) sort_in(index);
    find_leavers();
    if (!blockers_.empty()) add_update(blockers_);
    add_loads(new_pods_, Urgency::NewPod);
    if (!leavers_.empty()) add_update(leavers_);
    add_loads(rebuilds_, Urgency::Rebuild);
    add_rest();
    for (const auto& [shape, urgency] : missing_) plan_.compile.push_back({shape, urgency});
    std::ranges::stable_sort(plan_.compile, std::ranges::greater{}, &CompileStep::urgency);
    return std::move(plan_);
  }

 private:
  [[nodiscard]] const ActualEndpoint* running(const WantedEndpoint& wanted) const {
    const auto found = by_interface_.find(wanted.interface);
    return found == by_interface_.end() ? nullptr : found->second;
  }

  // Whether the endpoint's interface runs a policy made for it, current or not.
  [[nodiscard]] static bool is_protected(const WantedEndpoint& wanted,
                                         const ActualEndpoint* actual) {
    return actual != nullptr && actual->enforced &&
           actual->record.interface_index == wanted.interface_index &&
           actual->record.addresses == wanted.addresses;
  }

  [[nodiscard]] static bool fits(const WantedEndpoint& wanted, const ActualEndpoint& actual,
                                 const std::string& object_key) {
    const endpoint::EndpointRecord& record = actual.record;
    return is_protected(wanted, &actual) && record.mac == wanted.mac &&
           record.labels == wanted.labels && record.audit == wanted.audit &&
           (!wanted.hook || record.hook == *wanted.hook) &&
           endpoint::first_key(record.shape) == object_key;
  }

  void sort_in(std::size_t index) {
    const WantedEndpoint& wanted = input_.wanted[index];
    if (wanted.shape.empty()) return;
    const ActualEndpoint* actual = running(wanted);
    const Urgency urgency = is_protected(wanted, actual) ? Urgency::Rebuild : Urgency::NewPod;
    const auto object = input_.objects->find(wanted.shape);
    if (object == input_.objects->end()) {
      if (wanted.held) return;
      Urgency& known = missing_.try_emplace(wanted.shape, urgency).first->second;
      known = std::max(known, urgency);
      return;
    }
    if (actual != nullptr && fits(wanted, *actual, object->second)) {
      plan_.settled.insert(wanted.key);
      return;
    }
    if (wanted.held) return;
    (urgency == Urgency::NewPod ? new_pods_ : rebuilds_).push_back(index);
  }

  // Endpoints that are loaded and must not be; those first whose address a new one needs.
  void find_leavers() {
    std::set<IpAddress> needed;
    for (const std::size_t index : new_pods_) {
      const auto& addresses = input_.wanted[index].addresses;
      needed.insert(addresses.begin(), addresses.end());
    }
    for (const auto& [id, endpoint] : actual_.endpoints) {
      if (!input_.dropped->contains(endpoint.record.interface)) continue;
      const bool in_the_way = std::ranges::any_of(
          endpoint.record.addresses,
          [&needed](const IpAddress& address) { return needed.contains(address); });
      (in_the_way ? blockers_ : leavers_).push_back(id);
    }
  }

  [[nodiscard]] bool take_inventory() {
    return input_.inventory_changed && !std::exchange(inventory_taken_, true);
  }

  void add_update(std::vector<std::uint16_t> removed) {
    plan_.steps.emplace_back(UpdateStep{std::move(removed), take_inventory()});
  }

  void add_load(std::vector<std::size_t> endpoints, Urgency urgency) {
    plan_.steps.emplace_back(LoadStep{std::move(endpoints), urgency, take_inventory()});
  }

  // Those that failed together go one by one, after the others.
  void add_loads(const std::vector<std::size_t>& endpoints, Urgency urgency) {
    std::vector<std::size_t> batch;
    for (const std::size_t index : endpoints) {
      if (input_.wanted[index].alone) continue;
      batch.push_back(index);
      if (batch.size() == input_.max_batch) add_load(std::exchange(batch, {}), urgency);
    }
    if (!batch.empty()) add_load(std::move(batch), urgency);
    for (const std::size_t index : endpoints) {
      if (input_.wanted[index].alone) add_load({index}, urgency);
    }
  }

  // What no load and no removal took along. A node without maps has nobody whose peers count; the
  // first endpoints of one that is empty bring what exists with them.
  void add_rest() {
    if (!actual_.loaded || (actual_.endpoints.empty() && !input_.wanted.empty())) return;
    const bool repair = plan_.steps.empty() && (actual_.dirty || actual_.outdated);
    const bool inventory = take_inventory();
    if (inventory && plan_.steps.empty() && input_.only_peers_changed && !repair &&
        !input_.node_changed) {
      plan_.steps.emplace_back(PeersStep{});
    } else if (inventory || repair || (plan_.steps.empty() && input_.node_changed)) {
      plan_.steps.emplace_back(UpdateStep{{}, inventory});
    }
  }

  const Actual& actual_;
  const PlanInput& input_;
  std::unordered_map<std::string, const ActualEndpoint*> by_interface_;
  std::map<std::string, Urgency> missing_;
  std::vector<std::size_t> new_pods_;
  std::vector<std::size_t> rebuilds_;
  std::vector<std::uint16_t> blockers_;
  std::vector<std::uint16_t> leavers_;
  bool inventory_taken_ = false;
  Plan plan_;
};

}  // namespace

Plan make_plan(const Actual& actual, const PlanInput& input) {
  return Planner(actual, input).run();
}

}  // namespace policyc::reconcile
