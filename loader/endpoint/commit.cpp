// What comes after the programs have changed: the epoch, and everything that goes (node.h).

#include <algorithm>

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/grace.h"
#include "loader/endpoint/node.h"

namespace policyc::endpoint {

namespace fs = std::filesystem;

Result<std::uint32_t> Node::commit() {
  wait_for_running_programs();
  const auto epoch = maps_.raise_epoch();
  if (!epoch) return epoch;
  report("epoch");
  if (auto freed = free_slots(); !freed) return std::unexpected(freed.error());
  report("slots");
  const auto merged = merge_classes();
  if (!merged) return std::unexpected(merged.error());
  if (auto swept = sweep(); !swept) return std::unexpected(swept.error());
  report("sweep");
  state_.dirty = false;
  auto written = *merged ? write_state(paths_, state_) : write_state_alone(paths_, state_);
  if (!written) return std::unexpected(written.error());
  return epoch;
}

// Those of shapes that no endpoint has. After a crash the kernel's entry of an endpoint may still
// name an older shape than the state does; that one stays until the endpoint is loaded again.
Result<void> Node::free_slots() {
  const bool none = std::all_of(state_.slots.begin(), state_.slots.end(),
                                [this](const auto& slot) { return state_.uses_shape(slot.first); });
  if (none) return {};
  const auto named = named_slots();
  if (!named) return std::unexpected(named.error());
  for (auto slot = state_.slots.begin(); slot != state_.slots.end();) {
    if (state_.uses_shape(slot->first) || named->contains(slot->second)) {
      ++slot;
      continue;
    }
    if (auto cleared = clear_slot(maps_.policies, slot->second); !cleared) return cleared;
    slot = state_.slots.erase(slot);
  }
  return {};
}

// Forgets identities that nothing has, and predicates of shapes without a slot. The numbers of
// classes that end by it are free afterwards. No epoch: programs that are left decide alike for
// classes that become one. True: identities are others now.
Result<bool> Node::merge_classes() {
  const std::size_t forgotten =
      std::erase_if(state_.identities, [this](const IdentityRecord& record) {
        if (used_.contains(record.member)) return false;
        classes_->remove_identity(record.member);
        return true;
      });
  for (const std::string& key : classes_->shapes()) {
    if (!state_.slots.contains(key)) classes_->remove_shape(key);
  }
  std::erase_if(shapes_,
                [this](const LoadedShape& shape) { return !state_.slots.contains(shape.key); });
  const bool moved_classes = classes_->update(state_.identities);
  if (moved_classes) {
    // The numbers that addresses leave are in no state from here on: restore_classes() finds them.
    if (auto written = write_state(paths_, state_); !written)
      return std::unexpected(written.error());
    report("merged state");
    if (auto done = write_world(); !done) return std::unexpected(done.error());
    if (auto moved = write_addresses(); !moved) return std::unexpected(moved.error());
    report("merged addresses");
    wait_for_running_programs();
  }
  classes_->release();
  return moved_classes || forgotten != 0;
}

// Removes what no endpoint uses, whoever left it: this change or a process that died.
Result<void> Node::sweep() const {
  const auto keep = [this](const std::string& key) {
    return state_.uses_shape(key) || state_.slots.contains(key);
  };
  const auto keep_object = [this](const std::string& key) {
    return std::any_of(state_.slots.begin(), state_.slots.end(),
                       [&key](const auto& slot) { return first_key(slot.first) == key; });
  };
  for (const std::string& key : list_shapes(paths_)) {
    if (keep(key)) continue;
    if (auto removed = remove_shape(paths_, key); !removed) return removed;
  }
  for (const std::string& name : bpf::list(paths_.shape_files())) {
    const fs::path file = paths_.shape_files() / name;
    const std::string stem = file.stem().string();
    if (file.extension() == ".json" && keep(stem)) continue;
    if (file.extension() == ".o" && keep_object(stem)) continue;
    if (auto removed = remove_file(file); !removed) return removed;
  }
  for (const std::string& version : bpf::list(paths_.programs())) {
    if (version == state_.datapath) continue;
    if (auto removed = bpf::remove_at_once(paths_.programs() / version); !removed) return removed;
  }
  std::set<std::string> used;
  for (const EndpointRecord& endpoint : state_.endpoints) used.insert(std::to_string(endpoint.id));
  for (const std::string& name : bpf::list(paths_.endpoints())) {
    if (used.contains(name)) continue;
    if (auto removed = bpf::remove_tree(paths_.endpoints() / name); !removed) return removed;
  }
  return {};
}

Result<void> remove_endpoint(const Paths& paths, const maps::NodeMaps& maps,
                             const EndpointRecord& endpoint) {
  for (const attach::Side side : attach::kSides) {
    for (const attach::HookKind kind : {endpoint.hook, attach::other_kind(endpoint.hook)}) {
      const auto hook = paths.hook(endpoint.id, endpoint.interface_index, side, kind);
      if (auto detached = attach::detach(hook); !detached) return detached;
    }
  }
  if (auto erased = maps.endpoints.erase(endpoint.interface_index); !erased)
    return std::unexpected(erased.error());
  return bpf::remove_tree(paths.endpoint(endpoint.id));
}

}  // namespace policyc::endpoint
