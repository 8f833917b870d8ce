#include "loader/testrun/runner.h"

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "compiler/backend/backend.h"
#include "loader/bpf/log.h"
#include "loader/bpf/object.h"
#include "loader/endpoint/datapath.h"
#include "loader/endpoint/rows.h"
#include "loader/events/ring.h"
#include "loader/kernel/datapath.h"
#include "loader/maps/connection_table.h"
#include "loader/testrun/frame.h"
#include "runtime/abi/abi.h"

namespace policyc::testrun {
namespace {

constexpr std::size_t kKeptShapes = 64;
constexpr std::uint32_t kSlots = kKeptShapes + 2;  // from 1; one more than are kept for a moment
constexpr std::uint32_t kMaxClasses = 16384;
constexpr std::uint32_t kLoopback = 1;  // the interface of a test run
constexpr std::uint32_t kSubjectIdentity = 256;
constexpr std::uint16_t kFirstPort = 20000;

// Maps that only grow memory here: a test run needs a handful of entries.
const std::map<std::string, std::uint32_t>& small_maps() {
  static const std::map<std::string, std::uint32_t> kSizes = {{"conntrack4", 2},
                                                              {"conntrack6", 2},
                                                              {"fragments", 64},
                                                              {"ipcache4", 2 * kMaxClasses},
                                                              {"ipcache6", 2 * kMaxClasses},
                                                              {"ipcache4_prefix", 16},
                                                              {"ipcache6_prefix", 16},
                                                              {"endpoints", 16},
                                                              {"policies", kSlots * 2}};
  return kSizes;
}

IpAddress subject_address(bool v6) {
  return v6 ? *parse_ip_address("fd00:db8::1") : *parse_ip_address("198.18.255.254");
}

// One synthetic address for each class and family.
IpAddress class_address(std::uint32_t peer_class, bool v6) {
  IpAddress address = v6 ? *parse_ip_address("fd00:db8:1::") : *parse_ip_address("198.18.0.0");
  const std::size_t low = v6 ? 14 : 2;
  address.bytes[low] = static_cast<std::uint8_t>(peer_class >> 8U);
  address.bytes[low + 1] = static_cast<std::uint8_t>(peer_class & 0xffU);
  return address;
}

struct LoadedShape {
  ir::Shape shape;
  bpf::Object object;
  std::array<endpoint::RowMaps, 2> maps;
  std::array<std::set<std::uint32_t>, 2> written;  // classes whose rows are there
  std::uint32_t slot = 0;
};

Result<bpf::MapHandle> handle_of(const bpf::Object& object, const std::string& name) {
  const auto fd = object.map_fd(name);
  if (!fd) return std::unexpected(fd.error());
  return bpf::MapHandle(name, bpf::Fd(::dup(*fd)));
}

}  // namespace

struct Runner::Impl {
  std::optional<bpf::Object> datapath;
  std::map<std::string, bpf::MapHandle> node_maps;
  std::map<std::string, LoadedShape> shapes;
  std::deque<std::string> shape_order;
  std::map<policy::LabelSet, std::uint32_t> classes;
  std::optional<events::Ring> ring;
  std::optional<maps::ConnectionTable4> connections4;
  std::optional<maps::ConnectionTable6> connections6;
  std::uint32_t selected = 0;  // slot of the endpoint's entry
  std::uint32_t epoch = 1;
  std::uint16_t next_port = kFirstPort;

  Result<void> make_node_maps(const bpf::Object& object) {
    const auto cpus = bpf::possible_cpus();
    if (!cpus) return std::unexpected(cpus.error());
    for (bpf::MapSpec spec : object.maps()) {
      // Maps of maps are made with the object, which says what they hold.
      if (spec.type == BPF_MAP_TYPE_ARRAY_OF_MAPS) continue;
      if (spec.name == "event_heads" || spec.name == "event_slots")
        spec.max_entries *= static_cast<std::uint32_t>(*cpus);
      if (const auto small = small_maps().find(spec.name); small != small_maps().end())
        spec.max_entries = small->second;
      auto map = bpf::MapHandle::create(spec);
      if (!map) return std::unexpected(map.error());
      node_maps.emplace(spec.name, std::move(*map));
    }
    for (const char* name :
         {"event_heads", "event_slots", "conntrack4", "conntrack6", "ct_table"}) {
      if (!node_maps.contains(name)) return fail("the object has no map " + std::string(name));
    }
    auto opened = events::Ring::open(node_maps.at("event_heads").fd(),
                                     node_maps.at("event_slots").fd(), events::From::Now);
    if (!opened) return std::unexpected(opened.error());
    ring = std::move(*opened);
    return open_connections();
  }

  Result<void> open_connections() {
    const bpf::MapHandle& map4 = node_maps.at("conntrack4");
    const bpf::MapHandle& map6 = node_maps.at("conntrack6");
    auto table4 = maps::ConnectionTable4::open(map4.fd());
    if (!table4) return std::unexpected(table4.error());
    connections4 = std::move(*table4);
    auto table6 = maps::ConnectionTable6::open(map6.fd());
    if (!table6) return std::unexpected(table6.error());
    connections6 = std::move(*table6);
    const auto table =
        maps::make_ct_table(static_cast<std::uint32_t>(connections4->buckets().size()),
                            static_cast<std::uint32_t>(connections6->buckets().size()));
    if (!table) return std::unexpected(table.error());
    const std::uint32_t first = 0;
    return node_maps.at("ct_table").update_raw(&first, &*table, BPF_ANY);
  }

  Result<void> load_datapath() {
    const auto fitted = kernel::fit_datapath(backend::datapath_object());
    if (!fitted) return std::unexpected(fitted.error());
    auto object = bpf::Object::open(*fitted, "policyc_run");
    if (!object) return std::unexpected(object.error());
    if (auto made = make_node_maps(*object); !made) return made;
    if (auto shared = share_maps(*object); !shared) return shared;
    if (auto loaded = object->load(); !loaded) return loaded;
    for (const std::uint32_t direction : {0U, 1U}) {
      const auto finish = object->program_fd(std::string(endpoint::finish_program_name(direction)));
      if (!finish) return std::unexpected(finish.error());
      if (auto put = put_program("policy_finish", direction, *finish); !put) return put;
    }
    datapath = std::move(*object);
    return {};
  }

  Result<void> share_maps(bpf::Object& object) const {
    for (const auto& [name, map] : node_maps) {
      if (!object.has_map(name)) continue;
      if (auto reused = object.reuse_map(name, map.fd()); !reused) return reused;
    }
    return {};
  }

  Result<void> put_program(const char* map, std::uint32_t index, int program) const {
    return node_maps.at(map).update_raw(&index, &program, BPF_ANY);
  }

  [[nodiscard]] std::uint32_t free_slot() const {
    std::set<std::uint32_t> taken;
    for (const auto& [hash, shape] : shapes) taken.insert(shape.slot);
    std::uint32_t slot = 1;
    while (taken.contains(slot)) ++slot;
    return slot;
  }

  // Makes the endpoint one of that shape.
  Result<void> select(const LoadedShape& shape) {
    if (selected == shape.slot) return {};
    endpoint_value value{};
    value.policy_slot = shape.slot;
    value.shape_tag = shape.shape.tag();
    value.identity = kSubjectIdentity;
    value.endpoint_id = 1;
    const IpAddress v4 = subject_address(false);
    const IpAddress v6 = subject_address(true);
    std::memcpy(&value.ipv4, v4.bytes.data(), sizeof value.ipv4);
    std::memcpy(value.ipv6, v6.bytes.data(), sizeof value.ipv6);
    if (auto put = node_maps.at("endpoints").update_raw(&kLoopback, &value, BPF_ANY); !put)
      return put;
    selected = shape.slot;
    return {};
  }

  // Every label set is a class of its own, with one address of each family.
  Result<std::uint32_t> class_of(const policy::LabelSet& labels) {
    if (const auto found = classes.find(labels); found != classes.end()) return found->second;
    const auto peer_class = static_cast<std::uint32_t>(classes.size()) + 1;
    if (peer_class >= kMaxClasses)
      return fail("more than " + std::to_string(kMaxClasses) + " peer classes");
    const ipcache_value value{kSubjectIdentity + peer_class, peer_class, 0};
    for (const bool v6 : {false, true}) {
      const IpAddress address = class_address(peer_class, v6);
      auto written = node_maps.at(v6 ? "ipcache6" : "ipcache4")
                         .update_raw(address.bytes.data(), &value, BPF_ANY);
      if (!written) return std::unexpected(written.error());
    }
    classes.emplace(labels, peer_class);
    return peer_class;
  }

  // What was asked is not to be known from an earlier question.
  void forget_connections() const {
    const auto forget = [](const auto& table) {
      for (std::size_t slot = 0; slot < table.capacity(); ++slot) {
        if (table.end(slot, UINT64_MAX) == maps::Found::Ended) table.release(slot);
      }
    };
    forget(*connections4);
    forget(*connections6);
  }

  Result<void> new_epoch() {
    node_config_value config{};
    config.policy_epoch = ++epoch;
    config.flags = NODE_EXTENDED_PROTOCOLS | NODE_TRACE_VERDICTS;
    const std::uint32_t zero = 0;
    return node_maps.at("node_config").update_raw(&zero, &config, BPF_ANY);
  }
};

Runner::Runner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Runner::~Runner() = default;

Result<std::unique_ptr<Runner>> Runner::create() {
  if (::geteuid() != 0) return fail("needs root: it loads BPF programs");
  auto impl = std::make_unique<Impl>();
  if (auto loaded = impl->load_datapath(); !loaded) return std::unexpected(loaded.error());
  return std::unique_ptr<Runner>(new Runner(std::move(impl)));
}

bool Runner::has(const std::string& shape_hash) const { return impl_->shapes.contains(shape_hash); }

Result<void> Runner::load(const ir::Shape& shape, std::span<const std::uint8_t> bytes) {
  if (has(shape.hash)) return {};
  auto object = bpf::Object::open(bytes, "policyc_run");
  if (!object) return std::unexpected(object.error());
  if (auto shared = impl_->share_maps(*object); !shared) return shared;
  for (std::size_t direction = 0; direction < 2; ++direction) {
    if (!shape.directions[direction].uses_rows()) continue;
    auto sized = object->set_max_entries(endpoint::rows_map_name(direction), kMaxClasses / 4);
    if (!sized) return sized;
  }
  if (auto loaded = object->load(); !loaded) return loaded;
  LoadedShape entry{shape, std::move(*object), {}, {}, impl_->free_slot()};
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const auto program =
        entry.object.program_fd(std::string(endpoint::policy_program_name(direction)));
    if (!program) return std::unexpected(program.error());
    auto put =
        impl_->put_program("policies", POLICYC_POLICY_INDEX(entry.slot, direction), *program);
    if (!put) return put;
    const ir::DirectionShape& part = shape.directions[direction];
    if (part.uses_rows()) {
      auto rows = handle_of(entry.object, endpoint::rows_map_name(direction));
      if (!rows) return std::unexpected(rows.error());
      entry.maps[direction].rows = bpf::Map<std::uint32_t, policy_rows_value>(std::move(*rows));
    }
    if (part.uses_matrix()) {
      auto matrix = handle_of(entry.object, endpoint::matrix_map_name(direction));
      if (!matrix) return std::unexpected(matrix.error());
      entry.maps[direction].matrix = std::move(*matrix);
    }
  }
  impl_->shapes.emplace(shape.hash, std::move(entry));
  impl_->shape_order.push_back(shape.hash);
  if (impl_->shape_order.size() > kKeptShapes) {
    // Nothing runs but what ask() runs, so the slot is free at once.
    const auto oldest = impl_->shapes.find(impl_->shape_order.front());
    if (impl_->selected == oldest->second.slot) impl_->selected = 0;
    impl_->shapes.erase(oldest);
    impl_->shape_order.pop_front();
  }
  return {};
}

Result<std::uint32_t> Runner::ask(const std::string& shape_hash, const policy::LabelSet& peer,
                                  const Question& question) {
  const auto found = impl_->shapes.find(shape_hash);
  if (found == impl_->shapes.end()) return fail("shape " + shape_hash + " is not loaded");
  LoadedShape& shape = found->second;
  const auto peer_class = impl_->class_of(peer);
  if (!peer_class) return std::unexpected(peer_class.error());
  if (shape.written[question.direction].insert(*peer_class).second) {
    const endpoint::ClassRow row{*peer_class, shape.shape.truth(question.direction, peer)};
    auto written = endpoint::write_rows(shape.shape, question.direction,
                                        shape.maps[question.direction], {&row, 1});
    if (!written) return std::unexpected(written.error());
  }
  if (auto selected = impl_->select(shape); !selected) return std::unexpected(selected.error());
  if (auto raised = impl_->new_epoch(); !raised) return std::unexpected(raised.error());

  const bool v6 =
      question.protocol == IPPROTO_ICMPV6 || (question.protocol != IPPROTO_ICMP && question.ipv6);
  const bool egress = question.direction == POLICYC_EGRESS;
  const IpAddress remote = class_address(*peer_class, v6);
  const IpAddress local = subject_address(v6);
  impl_->next_port =
      impl_->next_port == 0xffff ? kFirstPort : static_cast<std::uint16_t>(impl_->next_port + 1);
  FrameSpec frame{egress ? local : remote, egress ? remote : local, question.protocol,
                  impl_->next_port,        question.port,           impl_->next_port};
  std::vector<std::uint8_t> packet = make_frame(frame);
  std::vector<std::uint8_t> output(packet.size() + 256);
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = packet.data();
  options.data_size_in = static_cast<std::uint32_t>(packet.size());
  options.data_out = output.data();
  options.data_size_out = static_cast<std::uint32_t>(output.size());
  options.repeat = 1;
  (void)impl_->ring->read();
  const auto program = impl_->datapath->program_fd(egress ? "from_endpoint" : "to_endpoint");
  if (!program) return std::unexpected(program.error());
  if (const int status = bpf_prog_test_run_opts(*program, &options); status != 0) {
    return fail("BPF_PROG_TEST_RUN: " + std::string(std::strerror(-status)));
  }
  impl_->forget_connections();
  const events::Batch batch = impl_->ring->read();
  if (batch.events.empty()) return fail("the program reported no verdict for a new connection");
  const event& seen = batch.events.back();
  const bool passed = options.retval == static_cast<std::uint32_t>(POLICYC_PASS);
  const std::uint32_t verdict = POLICYC_DECISION_VERDICT(seen.decision);
  const bool audited = (seen.decision & POLICYC_DECISION_AUDITED) != 0;
  if (passed != (verdict == POLICY_ALLOW || audited) || audited != (seen.audited != 0)) {
    return fail("the program " + std::string(passed ? "passed" : "dropped") +
                " a packet and reported verdict " + std::to_string(verdict) + ", reason " +
                std::to_string(seen.reason));
  }
  return seen.decision;
}

}  // namespace policyc::testrun
