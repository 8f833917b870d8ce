// States of backends that somebody set by hand (Cilium: `service update --states`): they stay in
// the maps, with the backends that have them.
#include <algorithm>

#include "loader/service/planner.h"
#include "loader/service/set_state.h"

namespace policyc::service {

template <class Action>
void Planner::each_set(Action action) {
  for (auto& [number, row] : unknown_sets_) action(row);
  for (auto& [name, service] : services_) {
    for (SetRow& row : service->sets) action(row);
  }
}

std::uint8_t Planner::set_bits(const SetRow& row, const Backend& backend) const {
  if (set_states_.empty()) return 0;
  const auto found = set_states_.find({backend.address, backend.port, row.protocol});
  return found == set_states_.end() ? 0 : found->second;
}

// A process that died may have changed some of the sets of a backend; the worse state counts.
void Planner::restore_states() {
  for (const auto& [number, row] : unknown_sets_) {
    for (const Member& member : row.members) {
      const std::uint8_t bits = member.value.flags & kSetStates;
      if (bits == 0) continue;
      std::uint8_t& known = set_states_[{member.address, member.port, row.protocol}];
      known = std::max(known, bits);
    }
  }
}

// Of backends that no set has any more.
void Planner::forget_states() {
  for (const FrontendKey& key : dropped_states_) {
    bool there = false;
    each_set([&](const SetRow& row) {
      there = there || (row.protocol == key.protocol &&
                        std::ranges::any_of(row.members, [&](const Member& member) {
                          return member.address == key.address && member.port == key.port;
                        }));
    });
    if (!there) set_states_.erase(key);
  }
  dropped_states_.clear();
}

bool Planner::has_maglev_frontend(std::uint32_t set) const {
  return std::ranges::any_of(frontends_, [set](const auto& entry) {
    const frontend_value& value = entry.second.value;
    return value.service[SCOPE_EXTERNAL] == set && (value.flags & FRONTEND_MAGLEV) != 0;
  });
}

Result<std::vector<policyc_backend_state>> Planner::set_state(const FrontendKey& backend,
                                                              policyc_backend_state state) {
  if (state != BACKEND_ACTIVE && state != BACKEND_QUARANTINED && state != BACKEND_MAINTENANCE)
    return fail("a backend cannot be given this state");
  const std::uint8_t bits = set_bits_of(state);
  std::vector<policyc_backend_state> states;
  Result<void> planned;
  each_set([&](SetRow& row) {
    if (row.protocol != backend.protocol || !planned) return;
    const auto member = std::ranges::find_if(row.members, [&](const Member& one) {
      return one.address == backend.address && one.port == backend.port;
    });
    if (member == row.members.end()) return;
    backend_value value = member->value;
    set_state_of(value, wanted_state(member->value), bits);
    states.push_back(static_cast<policyc_backend_state>(value.state));
    if (value.state == member->value.state && value.flags == member->value.flags) return;
    put(value.state > member->value.state ? kBackendsWorse : kBackends,
        PutBackend{member->number, value});
    member->value = value;
    planned = plan_takers(row, row.has_table || has_maglev_frontend(row.number));
  });
  if (!planned) return std::unexpected(planned.error());
  if (bits == 0 || states.empty()) {
    set_states_.erase(backend);
  } else {
    set_states_[backend] = bits;
  }
  return states;
}

std::vector<BackendWeight> Planner::weights() const {
  std::vector<BackendWeight> weights;
  for (const auto& [name, service] : services_) {
    for (const SetRow& row : service->sets) {
      for (const Member& member : row.members) {
        if (member.weight != 1)
          weights.push_back({member.number, member.value.generation, member.weight});
      }
    }
  }
  std::ranges::sort(weights, {}, &BackendWeight::number);
  return weights;
}

}  // namespace policyc::service
