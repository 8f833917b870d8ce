#include "loader/endpoint/load.h"

#include <algorithm>
#include <cerrno>
#include <functional>

#include <net/if.h>

#include "compiler/backend/backend.h"
#include "loader/bpf/bpffs.h"
#include "loader/bpf/info.h"
#include "loader/bpf/log.h"
#include "loader/endpoint/node.h"
#include "loader/endpoint/shape_sizes.h"
#include "loader/endpoint/undo.h"
#include "runtime/abi/abi.h"

namespace policyc::endpoint {
namespace {

Result<void> check_addresses(const std::vector<IpAddress>& addresses) {
  if (addresses.empty()) return fail("an endpoint needs an address");
  const auto v6 = std::count_if(addresses.begin(), addresses.end(),
                                [](const IpAddress& address) { return address.v6; });
  if (v6 > 1 || static_cast<std::ptrdiff_t>(addresses.size()) - v6 > 1) {
    return fail("an endpoint has at most one address of each family");
  }
  return {};
}

endpoint_value value_of(const EndpointRecord& record, const LoadReport& report,
                        std::uint32_t shape_tag) {
  endpoint_value value{};
  value.policy_slot = report.slot;
  value.shape_tag = shape_tag;
  value.identity = record.identity;
  value.endpoint_id = record.id;
  value.flags = record.audit ? ENDPOINT_AUDIT : 0;
  for (const IpAddress& address : record.addresses) {
    auto* target = address.v6 ? value.ipv6 : reinterpret_cast<policyc_u8*>(&value.ipv4);
    std::copy_n(address.bytes.begin(), address.v6 ? 16 : 4, target);
  }
  return value;
}

// One load; the steps are in order of their names in run().
class Loading {
 public:
  Loading(Node& node, const LoadRequest& request)
      : node_(node), request_(request), next_(node.state()) {}

  Result<LoadReport> run(const ir::Shape& shape, std::uint32_t interface_index) {
    report_.interface_index = interface_index;
    for (const auto& step : std::vector<std::function<Result<void>()>>{
             [&] { return prepare(shape); }, [&] { return load_shape(shape); },
             [&] { return fill_maps(); }, [&] { return register_endpoint(); },
             [&] { return attach_programs(); }}) {
      if (auto done = step(); !done) return std::unexpected(done.error());
    }
    undo_.dismiss();
    const auto epoch = node_.commit();
    if (!epoch) return std::unexpected(epoch.error());
    report_.epoch = *epoch;
    return report_;
  }

 private:
  Result<void> prepare(const ir::Shape& shape);
  Result<void> find_identity(EndpointRecord& record, const policy::AddressBook& book);
  [[nodiscard]] Result<policy::AddressBook> label(const Inventory& inventory, const State& state,
                                                  const ir::Shape* coming) const;
  void take_back();
  Result<void> load_shape(const ir::Shape& shape);
  Result<void> set_shape();
  Result<void> fill_maps();
  Result<void> register_endpoint();
  Result<void> attach_programs();
  Result<void> attach_side(attach::Side side);

  [[nodiscard]] const Paths& paths() const { return node_.paths(); }
  // The endpoint's record as it was.
  [[nodiscard]] const EndpointRecord* old_record() const {
    const State& before = node_.state();
    for (const EndpointRecord& record : before.endpoints) {
      if (record.interface_index == report_.interface_index) return &record;
    }
    return before.find_interface(request_.interface);
  }

  Node& node_;
  const LoadRequest& request_;
  State next_;
  State before_;
  Inventory inventory_;
  Inventory old_inventory_;
  EndpointRecord record_;
  std::optional<EndpointRecord> replaced_;
  LoadReport report_;
  std::uint32_t shape_tag_ = 0;
  Undo undo_;
};

// Finds or makes the endpoint's record and settles everything that needs no kernel.
Result<void> Loading::prepare(const ir::Shape& shape) {
  before_ = node_.state();
  shape_tag_ = shape.tag();
  auto stored = read_inventory(paths());
  if (!stored && !request_.inventory) return std::unexpected(stored.error());
  old_inventory_ = stored ? std::move(*stored) : *request_.inventory;
  inventory_ = request_.inventory ? *request_.inventory : old_inventory_;
  const auto hook = attach::choose_hook(request_.hook);
  if (!hook) return std::unexpected(hook.error());

  if (const EndpointRecord* old = old_record()) replaced_ = *old;
  if (replaced_) {
    record_ = *replaced_;
  } else {
    const auto id = next_.take_endpoint_id();
    if (!id) return std::unexpected(id.error());
    record_.id = *id;
  }
  record_.interface = request_.interface;
  record_.interface_index = report_.interface_index;
  record_.addresses = request_.addresses;
  record_.labels = request_.labels;
  record_.name = name_of(inventory_, request_.addresses.front());
  record_.hook = *hook;
  record_.audit = request_.audit;
  const auto book = label(inventory_, before_, &shape);
  if (!book) return std::unexpected(book.error());
  if (auto found = find_identity(record_, *book); !found) return found;

  std::erase_if(next_.endpoints,
                [this](const EndpointRecord& other) { return other.id == record_.id; });
  for (const EndpointRecord& other : next_.endpoints) {
    for (const IpAddress& address : record_.addresses) {
      if (std::find(other.addresses.begin(), other.addresses.end(), address) !=
          other.addresses.end()) {
        return fail("endpoint " + std::to_string(other.id) + " on " + other.interface +
                    " has address " + address.to_string());
      }
    }
  }
  next_.endpoints.push_back(record_);
  report_.endpoint_id = record_.id;
  report_.identity = record_.identity;
  report_.hook = *hook;
  return node_.plan(next_, *book, &shape);
}

Result<policy::AddressBook> Loading::label(const Inventory& inventory, const State& state,
                                           const ir::Shape* coming) const {
  auto shapes = node_.shapes_of(state);
  if (!shapes) return std::unexpected(shapes.error());
  if (coming != nullptr) shapes->push_back(coming);
  return label_addresses(inventory, *shapes);
}

Result<void> Loading::find_identity(EndpointRecord& record, const policy::AddressBook& book) {
  if (request_.identity) {
    record.identity = *request_.identity;
    return {};
  }
  if (record.labels.empty() && record.name.empty()) {
    return fail("the inventory has no pod with address " + record.addresses.front().to_string() +
                ": its labels or its identity must be given");
  }
  const auto labels =
      record.labels.empty() ? book.address_labels(record.addresses.front()) : record.labels;
  const auto identity = IdentityAllocator(next_).ensure(labels);
  if (!identity) return std::unexpected(identity.error());
  record.identity = next_.identities[*identity].identity;
  return {};
}

// Takes the first generation of the shape that has room, or loads a further one.
Result<void> Loading::load_shape(const ir::Shape& shape) {
  const ShapeSizes needed = node_.coming_sizes(shape);
  report_.shape = shape_key(shape, request_.object);
  for (;; report_.shape = next_key(report_.shape)) {
    const LoadedShape* open = node_.find_shape(report_.shape);
    if (open == nullptr) break;
    const auto room = has_room(*open, needed);
    if (!room) return std::unexpected(room.error());
    if (*room) return set_shape();
  }
  undo_.add([this, key = report_.shape] { best_effort(remove_shape(paths(), key)); });
  // One that a dead process left may be smaller than needed.
  if (auto removed = remove_shape(paths(), report_.shape); !removed) return removed;
  auto loaded = ensure_shape(paths(), node_.maps(), report_.shape, shape, request_.object,
                             roomy_sizes(shape, needed, request_.max_classes));
  if (!loaded) return std::unexpected(loaded.error());
  report_.shape_loaded = true;
  if (auto adopted = node_.adopt(std::move(*loaded)); !adopted) return adopted;
  node_.report("shape");
  return set_shape();
}

Result<void> Loading::set_shape() {
  const auto policies = node_.maps().policies.handle().info();
  if (!policies) return std::unexpected(policies.error());
  const auto slot = next_.take_slot(report_.shape, policies->max_entries / 2);
  if (!slot) return std::unexpected(slot.error());
  report_.slot = *slot;
  record_.shape = report_.shape;
  next_.endpoints.back().shape = report_.shape;
  return {};
}

// Makes the state what it was, but for numbers that were given and shapes that grew.
void Loading::take_back() {
  State back = before_;
  back.next_endpoint_id = node_.state().next_endpoint_id;
  back.slots = node_.state().slots;
  back.identities = node_.state().identities;
  for (EndpointRecord& endpoint : back.endpoints) {
    const EndpointRecord* now = node_.state().find_endpoint(endpoint.id);
    if (now != nullptr && first_key(now->shape) == first_key(endpoint.shape))
      endpoint.shape = now->shape;
  }
  const auto book = label(old_inventory_, back, nullptr);
  if (!book || !node_.plan(back, *book)) return;
  if (node_.apply(std::move(back), old_inventory_)) best_effort(node_.commit());
}

Result<void> Loading::fill_maps() {
  // Registered first: a step that fails half way is undone as well.
  undo_.add([this] { take_back(); });
  const auto change = node_.apply(next_, inventory_);
  if (!change) return std::unexpected(change.error());
  report_.ipcache = change->ipcache;
  report_.grown = change->grown;
  // Its shape may have grown as well.
  record_ = *node_.state().find_endpoint(record_.id);
  report_.shape = record_.shape;
  report_.slot = node_.state().slots.at(record_.shape);
  // Also when the shape was there: an empty slot would drop everything new.
  const LoadedShape& own = *node_.find_shape(record_.shape);
  auto filled = fill_slot(node_.maps().policies, report_.slot,
                          {own.programs[0].get(), own.programs[1].get()});
  if (!filled) return filled;
  for (const Starved& starved : change->starved) {
    for (const EndpointRecord& endpoint : node_.state().endpoints) {
      if (first_key(endpoint.shape) == first_key(starved.shape))
        report_.starved.push_back({endpoint.interface, starved.reason});
    }
  }
  if (!request_.trace_verdicts) return {};
  auto config = node_.maps().config();
  if (!config) return std::unexpected(config.error());
  config->flags = (config->flags & ~NODE_TRACE_VERDICTS) |
                  (*request_.trace_verdicts ? NODE_TRACE_VERDICTS : 0U);
  return node_.maps().set_config(*config);
}

Result<void> Loading::register_endpoint() {
  const auto& endpoints = node_.maps().endpoints;
  const std::uint32_t index = record_.interface_index;
  const auto present = endpoints.lookup(index);
  if (!present) return std::unexpected(present.error());
  undo_.add([&endpoints, index, old = *present] {
    if (old) {
      best_effort(endpoints.update(index, *old));
    } else {
      best_effort(endpoints.erase(index));
    }
  });
  // The interface was made anew under its name: the entry of the old one leads nowhere.
  if (replaced_ && replaced_->interface_index != index) {
    if (auto erased = endpoints.erase(replaced_->interface_index); !erased)
      return std::unexpected(erased.error());
  }
  if (auto made = bpf::ensure_directory(paths().endpoint(record_.id)); !made) return made;
  if (!replaced_)
    undo_.add([this] { best_effort(bpf::remove_tree(paths().endpoint(record_.id))); });
  if (auto written = endpoints.update(index, value_of(record_, report_, shape_tag_)); !written)
    return written;
  node_.report("entry");
  return {};
}

Result<void> Loading::attach_side(attach::Side side) {
  const attach::Hook hook = paths().hook(record_.id, record_.interface_index, side, record_.hook);
  const auto running = attach::attached_program(hook);
  if (!running) return std::unexpected(running.error());
  report_.replaced = report_.replaced || running->has_value();
  const auto ours = bpf::program_info(node_.program(side));
  if (!ours) return std::unexpected(ours.error());
  if (*running == ours->id) return {};
  undo_.add([hook, id = *running] {
    if (!id) return best_effort(attach::detach(hook));
    if (const auto program = bpf::open_program(*id))
      best_effort(attach::attach(hook, program->get()));
  });
  return attach::attach(hook, node_.program(side));
}

Result<void> Loading::attach_programs() {
  for (const attach::Side side : attach::kSides) {
    if (auto attached = attach_side(side); !attached) return attached;
    node_.report("attached");
  }
  if (!replaced_ || replaced_->hook == record_.hook) return {};
  // The kind of hook changes: both run for a moment, then the old one goes.
  for (const attach::Side side : attach::kSides) {
    const attach::Hook old =
        paths().hook(record_.id, record_.interface_index, side, replaced_->hook);
    const auto running = attach::attached_program(old);
    if (running && *running) report_.replaced = true;
    if (auto detached = attach::detach(old); !detached) return detached;
  }
  return {};
}

}  // namespace

Result<std::uint32_t> interface_index(const std::string& name) {
  const unsigned index = ::if_nametoindex(name.c_str());
  if (index == 0) return bpf::fail_errno("find interface " + name, errno);
  return index;
}

Result<LoadReport> load_endpoint(const Paths& paths, const LoadRequest& request) {
  if (auto good = check_addresses(request.addresses); !good) return std::unexpected(good.error());
  const auto shape = read_shape(request.object);
  if (!shape) return std::unexpected(shape.error());
  const auto index = interface_index(request.interface);
  if (!index) return std::unexpected(index.error());
  auto node = Node::open(paths, request.sizes, request.progress);
  if (!node) return std::unexpected(node.error());
  const auto datapath = request.datapath.empty() ? backend::datapath_object() : request.datapath;
  if (auto ready = node->use_datapath(datapath); !ready) return std::unexpected(ready.error());
  Loading loading(*node, request);
  return loading.run(*shape, *index);
}

}  // namespace policyc::endpoint
