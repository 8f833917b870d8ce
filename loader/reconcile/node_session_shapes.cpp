// Shapes that come and go with endpoints (node_session.h). The order is that of the class change
// protocol (docs/identity.md).

#include <algorithm>
#include <set>
#include <utility>

#include "loader/endpoint/datapath.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/grace.h"
#include "loader/endpoint/shapes.h"
#include "loader/reconcile/node_session.h"

namespace policyc::reconcile {

using endpoint::best_effort;
using endpoint::LoadedShape;

// Their predicates are in force before the first is loaded: its maps have room for all classes.
Result<std::vector<LoadedShape>> NodeSession::load_shapes(const Coming& coming,
                                                          const endpoint::Progress& progress,
                                                          endpoint::Undo& undo) {
  for (const ComingShape& one : coming.shapes) {
    if (auto asked = peers_->ask(one.key, one.shape); !asked) return std::unexpected(asked.error());
  }
  std::vector<LoadedShape> loaded;
  for (const ComingShape& one : coming.shapes) {
    undo.add([this, key = one.key] { best_effort(endpoint::remove_shape(paths_, key)); });
    // One that a dead process left may be smaller than needed.
    if (auto removed = endpoint::remove_shape(paths_, one.key); !removed)
      return std::unexpected(removed.error());
    const auto needed = peers_->needed_sizes(one.key, one.shape);
    auto shape = endpoint::ensure_shape(paths_, maps_, one.key, one.shape, one.object,
                                        endpoint::roomy_sizes(one.shape, needed, one.max_classes));
    if (!shape) return std::unexpected(shape.error());
    loaded.push_back(std::move(*shape));
    if (progress) progress("shape");
  }
  return loaded;
}

Result<void> NodeSession::place_shapes(Coming& coming, const Labelling& labelling,
                                       const endpoint::Progress& progress, endpoint::Undo& undo) {
  const auto before = shapes();
  auto loaded = load_shapes(coming, progress, undo);
  if (!loaded) return std::unexpected(loaded.error());
  if (auto marked = mark(); !marked) return marked;
  if (progress) progress("state");
  if (coming.shapes.empty()) return {};
  if (auto adopted = peers_->adopt(std::move(*loaded)); !adopted) return adopted;
  for (const ComingShape& one : coming.shapes) {
    const LoadedShape& shape = *peers_->find_shape(one.key);
    if (auto filled = endpoint::fill_slot(maps_.policies, state_.slots.at(one.key),
                                          {shape.programs[0].get(), shape.programs[1].get()});
        !filled)
      return filled;
  }
  if (progress) progress("rows");
  const auto changes =
      change_all(shape_changes(labelling.inventory, labelling.known, before, shapes()));
  if (!changes) return std::unexpected(changes.error());
  if (!changes->starved.empty()) return fail("a shape has no room for a prefix");
  const auto moved = peers_->move_addresses(world_labels(labelling.inventory));
  if (!moved) return std::unexpected(moved.error());
  return {};
}

std::vector<std::string> NodeSession::unused_shapes() const {
  std::vector<std::string> unused;
  for (const auto& [key, slot] : state_.slots) {
    if (!state_.uses_shape(key)) unused.push_back(key);
  }
  return unused;
}

// All CPUs have left their programs.
Result<void> NodeSession::drop_unused(const Labelling& labelling,
                                      const endpoint::Progress& progress) {
  const auto unused = unused_shapes();
  if (unused.empty()) return {};
  const auto before = shapes();
  std::vector<const ir::Shape*> after;
  for (const LoadedShape& loaded : peers_->shapes()) {
    if (std::ranges::find(unused, loaded.key) == unused.end()) after.push_back(&loaded.shape);
  }
  const auto prefixes = shape_changes(labelling.inventory, labelling.known, before, after);
  for (const std::string& key : unused) {
    if (auto cleared = endpoint::clear_slot(maps_.policies, state_.slots.at(key)); !cleared)
      return cleared;
    state_.slots.erase(key);
  }
  if (progress) progress("slots");
  if (const auto changed = change_all(prefixes); !changed) return std::unexpected(changed.error());
  for (const std::string& key : unused) peers_->forget(key);
  const auto moved = peers_->move_addresses(world_labels(labelling.inventory));
  if (!moved) return std::unexpected(moved.error());
  // No epoch: programs that are left decide alike for classes that become one.
  endpoint::wait_for_running_programs();
  sweep_ = true;
  return {};
}

// Pins and files go when the state is on disk without them: a process that takes over before still
// finds what tells classes apart.
Result<void> NodeSession::sweep() {
  if (!std::exchange(sweep_, false)) return {};
  std::set<std::string> firsts;
  for (const auto& [key, slot] : state_.slots) firsts.insert(endpoint::first_key(key));
  for (const std::string& key : endpoint::list_shapes(paths_)) {
    if (state_.slots.contains(key)) continue;
    if (auto removed = endpoint::remove_shape(paths_, key); !removed) return removed;
    const std::string first = endpoint::first_key(key);
    if (firsts.contains(first)) continue;
    if (auto removed = endpoint::remove_file(paths_.object_file(first)); !removed) return removed;
  }
  return {};
}

}  // namespace policyc::reconcile
