#include "loader/reconcile/kernel_node.h"

#include <algorithm>
#include <utility>

#include "compiler/backend/backend.h"
#include "loader/endpoint/datapath.h"
#include "loader/endpoint/inventory_file.h"
#include "loader/endpoint/placing.h"
#include "loader/endpoint/shapes.h"
#include "loader/endpoint/status.h"
#include "loader/endpoint/upgrade.h"

namespace policyc::reconcile {

bool KernelNode::prepare(const endpoint::LoadRequest& node) {
  // The verifier takes its time, and manifests are read meanwhile.
  preparation_ = std::async(std::launch::async, [paths = paths_, sizes = node.sizes] {
    (void)endpoint::prepare_node(paths, sizes, backend::datapath_object());
  });
  return true;
}

void KernelNode::end_preparation() {
  if (preparation_.valid()) preparation_.get();
}

Result<Actual> KernelNode::read() {
  end_preparation();
  if (auto written = write_out(); !written) return std::unexpected(written.error());
  // What a process left that ended before it could.
  retire();
  Actual actual;
  const auto status = endpoint::read_status(paths_);
  if (!status) return std::unexpected(status.error());
  if (!*status) return actual;
  const auto state = endpoint::read_state(paths_);
  if (!state) return std::unexpected(state.error());
  actual.loaded = true;
  actual.dirty = (*status)->interrupted;
  actual.deny_response = (*status)->deny_response;
  actual.outdated = !state->datapath.empty() &&
                    state->datapath != endpoint::datapath_version(backend::datapath_object());
  for (const endpoint::EndpointStatus& endpoint : (*status)->endpoints) {
    ActualEndpoint& known = actual.endpoints[endpoint.record.id];
    known = {endpoint.record, endpoint.enforced()};
    // The state is written first: after a change that was cut short the entry in the kernel may be
    // of the policy before, or of the record before.
    const auto slot = state->slots.find(endpoint.record.shape);
    if (actual.dirty || slot == state->slots.end() || slot->second != endpoint.slot)
      known.record.shape.clear();
  }
  return actual;
}

Result<InventoryRef> KernelNode::read_inventory() {
  if (auto written = write_out(); !written) return std::unexpected(written.error());
  if (!endpoint::has_inventory(paths_)) return InventoryRef{};
  // Of before it is read: another file that takes its place meanwhile is not taken for it.
  const endpoint::FileStamp stamp = endpoint::stamp_of(paths_.inventory_file());
  auto inventory = endpoint::read_inventory(paths_);
  // A load with an inventory replaces a damaged one.
  if (!inventory) return InventoryRef{};
  known_nodes_ = inventory->known_nodes;
  keep(std::make_shared<const endpoint::Inventory>(std::move(*inventory)), stamp);
  return kept_;
}

Result<std::vector<endpoint::LoadReport>> KernelNode::load(
    std::span<endpoint::LoadRequest> requests, const InventoryRef& inventory) {
  end_preparation();
  if (requests.empty()) return std::vector<endpoint::LoadReport>{};
  const InventoryRef unwritten = session_ ? session_inventory_ : nullptr;
  if (auto placed = place(requests, inventory)) return std::move(*placed);
  if (auto ended = end_session(); !ended) return std::unexpected(ended.error());
  const InventoryRef now = inventory ? inventory : unwritten ? unwritten : known_inventory();
  if (inventory || unwritten) requests.front().inventory = *now;
  requests.front().progress = progress_;
  std::optional<endpoint::Node> node;
  auto reports = endpoint::load_endpoints(paths_, requests, &node);
  forget();
  if (reports) {
    known_nodes_ = reports->front().known_nodes;
    keep(now, reports->front().inventory);
    follow(node, now);
  }
  if (reports) retire();
  return reports;
}

InventoryRef KernelNode::known_inventory() const {
  if (session_ && session_inventory_) return session_inventory_;
  const bool is_kept = kept_ && kept_stamp_ == endpoint::stamp_of(paths_.inventory_file());
  return is_kept ? kept_ : nullptr;
}

// On disk as after a load, unless that would keep somebody waiting: the agent settles a little
// later. What goes wrong with that a later start repairs.
void KernelNode::settle_at_once() {
  if (session_->closes_slowly()) return;
  if (write_out() && progress_) progress_("settled");
}

std::optional<std::vector<endpoint::LoadReport>> KernelNode::place(
    std::span<const endpoint::LoadRequest> requests, const InventoryRef& inventory) {
  const InventoryRef before = known_inventory();
  if (!before || endpoint::has_replaced(paths_)) return std::nullopt;
  const InventoryRef after = inventory ? inventory : before;
  if (!same_options(*before, *after) || !open_session(after->options.cluster_name))
    return std::nullopt;
  auto coming = session_->coming(requests);
  if (!coming) return std::nullopt;
  PeersReport peers;
  if (inventory) {
    auto changed = change_peers(before, after);
    if (!changed || !changed->starved.empty()) return std::nullopt;
    peers = std::move(*changed);
  }
  auto reports = session_->place(std::move(*coming), {*after, known_nodes_, named_}, progress_);
  if (!reports) {
    drop_session();
    return std::nullopt;  // a load meets the same, and says it
  }
  reports->front().ipcache.added += peers.written;
  reports->front().ipcache.removed += peers.removed;
  session_inventory_ = after;
  settle_at_once();
  return std::move(*reports);
}

std::optional<endpoint::UpdateReport> KernelNode::remove(const endpoint::UpdateRequest& request,
                                                         const InventoryRef& inventory) {
  const InventoryRef before = known_inventory();
  if (request.removed.empty() || !before || endpoint::has_replaced(paths_)) return std::nullopt;
  const InventoryRef after = inventory ? inventory : before;
  if (!same_options(*before, *after) || !open_session(after->options.cluster_name))
    return std::nullopt;
  if (!session_->may_change_shapes() ||
      (request.deny_response && !session_->has_deny_response(*request.deny_response)))
    return std::nullopt;
  endpoint::UpdateReport report;
  if (inventory) {
    const auto changed = change_peers(before, after);
    if (!changed || !changed->starved.empty()) return std::nullopt;
    report.ipcache = {changed->written, 0, changed->removed};
  }
  const auto removed = session_->remove(request.removed, {*after, known_nodes_, named_}, progress_);
  if (!removed || !removed->starved.empty()) {
    drop_session();
    return std::nullopt;
  }
  report.removed = request.removed.size();
  report.ipcache.removed += removed->removed;
  session_inventory_ = after;
  settle_at_once();
  return report;
}

// Not a failure of what was done: the next change tries again.
void KernelNode::retire() const {
  if (!endpoint::has_replaced(paths_)) return;
  if (endpoint::retire_replaced(paths_) && progress_) progress_("retired");
}

Result<endpoint::UpdateReport> KernelNode::update(endpoint::UpdateRequest request,
                                                  const InventoryRef& inventory) {
  end_preparation();
  const InventoryRef unwritten = session_ ? session_inventory_ : nullptr;
  if (auto removed = remove(request, inventory)) return std::move(*removed);
  if (auto ended = end_session(); !ended) return std::unexpected(ended.error());
  const InventoryRef now = inventory ? inventory : unwritten ? unwritten : known_inventory();
  if (inventory || unwritten) request.inventory = *now;
  request.datapath = backend::datapath_object();
  request.progress = progress_;
  std::optional<endpoint::Node> node;
  auto report = endpoint::update_node(paths_, request, &node);
  forget();
  if (report) {
    known_nodes_ = report->known_nodes;
    keep(now, report->inventory);
    follow(node, now);
  }
  if (report) retire();
  return report;
}

Result<PeersReport> KernelNode::change_peers(const InventoryRef& before,
                                             const InventoryRef& after) {
  end_preparation();
  static const auto kNone = std::make_shared<const endpoint::Inventory>();
  const InventoryRef from = before ? before : kNone;
  const InventoryRef to = after ? after : kNone;
  if (auto opened = open_session(to->options.cluster_name); !opened)
    return std::unexpected(opened.error());
  if (!counts_ || counted_ != from) counts_.emplace(from->cluster.endpoints);
  counted_ = to;
  const auto changes =
      address_changes(*from, *to, known_nodes_, session_->shapes(), {*counts_, named_});
  auto report = session_->change(changes);
  if (!report) {
    drop_session();
    return report;
  }
  session_inventory_ = to;
  if (progress_) progress_("peers");
  return report;
}

void KernelNode::drop_session() {
  session_.reset();
  session_inventory_ = nullptr;
}

void KernelNode::follow(std::optional<endpoint::Node>& node, const InventoryRef& inventory) {
  auto parts = std::move(*node).take_apart();
  node.reset();
  if (parts && inventory)
    session_ = NodeSession::after(paths_, inventory->options.cluster_name, std::move(*parts));
}

Result<void> KernelNode::open_session(const std::string& cluster) {
  if (session_) {
    const auto same = session_->reopen();
    if (same && *same) return {};
    session_.reset();
    if (!same) return std::unexpected(same.error());
  }
  auto session = NodeSession::open(paths_, cluster);
  if (!session) return std::unexpected(session.error());
  session_ = std::move(*session);
  return {};
}

void KernelNode::keep(InventoryRef inventory, const endpoint::FileStamp& stamp) {
  kept_ = std::move(inventory);
  kept_stamp_ = stamp;
}

// The session stays, for the next change of peers.
Result<void> KernelNode::write_out() {
  if (!session_ || !session_inventory_) return {};
  const InventoryRef inventory = std::exchange(session_inventory_, nullptr);
  const bool is_kept = kept_ && kept_stamp_ == endpoint::stamp_of(paths_.inventory_file());
  auto closed = session_->close(is_kept ? kept_.get() : nullptr, *inventory);
  if (!closed) {
    forget();
    session_.reset();
    return std::unexpected(closed.error());
  }
  keep(inventory, *closed);
  return {};
}

Result<void> KernelNode::settle() {
  if (auto written = write_out(); !written || !session_) return written;
  auto warm = session_->warm_up();
  if (!warm) drop_session();
  return warm;
}

// Before a load, which makes what it knows obsolete.
Result<void> KernelNode::end_session() {
  auto written = write_out();
  session_.reset();
  return written;
}

Result<void> KernelNode::follow_queue(const endpoint::EndpointRecord& record, bool queued) {
  const auto maps = maps::NodeMaps::open(paths_.maps());
  if (!maps) return std::unexpected(maps.error());
  return endpoint::follow_queue(*maps, record, queued);
}

Result<std::string> KernelNode::check(const endpoint::EndpointRecord& record) {
  const auto maps = maps::NodeMaps::open(paths_.maps());
  if (!maps) return std::unexpected(maps.error());
  const auto entry = maps->endpoints.lookup(record.interface_index);
  if (!entry) return std::unexpected(entry.error());
  if (!*entry || (*entry)->endpoint_id != record.id)
    return "it has no entry in the map of endpoints";
  for (const std::uint32_t direction : {0U, 1U}) {
    const auto program =
        maps->policies.lookup(POLICYC_POLICY_INDEX((*entry)->policy_slot, direction));
    if (!program) return std::unexpected(program.error());
    if (!*program) return "its policy is not loaded";
  }
  for (const attach::Side side : attach::kSides) {
    const auto program =
        attach::attached_program(paths_.hook(record.id, record.interface_index, side, record.hook));
    if (!program) return std::unexpected(program.error());
    if (!*program)
      return "no program is attached to " + record.interface + " (" +
             std::string(attach::program_name(side)) + ")";
  }
  return std::string();
}

}  // namespace policyc::reconcile
