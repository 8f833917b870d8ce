#include "tests/kernel/datapath.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>
#include <string_view>

#include <arpa/inet.h>
#include <bpf/btf.h>
#include <gtest/gtest.h>

#include "runtime/abi/abi.h"

namespace policyc::kernel_test {
namespace {

[[noreturn]] void fail(const std::string& what, int error) {
  throw std::runtime_error(what + ": " + std::strerror(error));
}

const char* policy_object(Policy policy) {
  switch (policy) {
    case Policy::AllowAll:
      return POLICYC_ALLOW_ALL_OBJECT;
    case Policy::DenyAll:
      return POLICYC_DENY_ALL_OBJECT;
    case Policy::Matrix:
      return POLICYC_MATRIX_OBJECT;
  }
  throw std::invalid_argument("policy");
}

int print_warnings(libbpf_print_level level, const char* format, va_list arguments) {
  return level == LIBBPF_WARN ? std::vfprintf(stderr, format, arguments) : 0;
}

// Full-size tables would only cost time.
void shrink(bpf_object* object) {
  for (const char* name : {"conntrack4_overflow", "conntrack6_overflow", "fragments", "ipcache4",
                           "ipcache6", "endpoints", "endpoints_beyond", "policies"}) {
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object, name), 1024);
  }
  set_connections(object, 1024);
  const auto cpus = static_cast<std::uint32_t>(libbpf_num_possible_cpus());
  bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "event_heads"), cpus);
  bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "event_slots"), cpus * EVENT_SLOTS);
}

bpf_object* open_object(const char* path) {
  bpf_object* object = bpf_object__open_file(path, nullptr);
  if (object == nullptr) fail(path, errno);
  return object;
}

std::array<std::uint8_t, 16> address6(const char* text) {
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET6, text, bytes.data()) != 1) throw std::invalid_argument(text);
  return bytes;
}

bool is_ipv4(const char* text) { return std::strchr(text, ':') == nullptr; }

}  // namespace

void Datapath::check(int error, const char* what) {
  if (error != 0) fail(what, -error);
}

Datapath::Datapath(Policy policy, const std::function<void(bpf_object*)>& adjust) {
  libbpf_set_print(print_warnings);
  object_.reset(open_object(POLICYC_DATAPATH_OBJECT));
  shrink(object_.get());
  if (adjust) adjust(object_.get());
  check(bpf_object__load(object_.get()), "bpf_object__load");
  seed_connections();
  bench_.reset(open_object(POLICYC_BENCH_OBJECT));
  check(bpf_object__load(bench_.get()), "bpf_object__load");
  for (const char* name : {"finish_ingress", "finish_egress"}) {
    const std::uint32_t index = std::string_view(name) == "finish_egress";
    put("policy_finish", index, program(name));
  }
  add_policy(policy, kSlot);

  auto ring = events::Ring::open(map("event_heads"), map("event_slots"), events::From::Oldest);
  if (!ring) throw std::runtime_error(ring.error().message);
  ring_ = std::move(*ring);
}

std::unique_ptr<Datapath> Datapath::ready(Policy policy,
                                          const std::function<void(bpf_object*)>& adjust) {
  auto datapath = std::make_unique<Datapath>(policy, adjust);
  datapath->set_endpoint();
  datapath->set_config();
  datapath->set_peer(kRemote4, kAllowedClass);
  datapath->set_peer(kRemote6, kAllowedClass);
  return datapath;
}

void Datapath::add_policy(Policy policy, std::uint32_t slot) {
  std::unique_ptr<bpf_object, Closer> object(open_object(policy_object(policy)));
  for (const char* name : {"policy_scratch", "policy_finish"}) {
    check(bpf_map__reuse_fd(bpf_object__find_map_by_name(object.get(), name), map(name)), name);
  }
  check(bpf_object__load(object.get()), "bpf_object__load");
  policies_[slot] = std::move(object);
  put("policies", POLICYC_POLICY_INDEX(slot, POLICYC_INGRESS), program("policy_ingress"));
  put("policies", POLICYC_POLICY_INDEX(slot, POLICYC_EGRESS), program("policy_egress"));
  if (policy == Policy::Matrix) {
    // Class c is row c; the policy's rows beyond are unknown.
    for (const char* name : {"policy_rows_in", "policy_rows_out"}) {
      put(name, std::uint32_t{0}, policy_rows_value{{0, 1, 2, 3}});
      put(name, std::uint32_t{1}, policy_rows_value{{4, 5, 6, 0}});
      put(name, std::uint32_t{2}, policy_rows_value{{8, 9}});
    }
  }
}

void Datapath::erase(const char* name, std::uint32_t key) {
  check(bpf_map_delete_elem(map(name), &key), name);
}

std::vector<bpf_object*> Datapath::objects() const {
  std::vector<bpf_object*> all{object_.get(), bench_.get()};
  for (auto slot = policies_.rbegin(); slot != policies_.rend(); ++slot)
    all.push_back(slot->second.get());
  return all;
}

int Datapath::program(Hook hook) const {
  return program(hook == Hook::FromEndpoint ? "from_endpoint" : "to_endpoint");
}

int Datapath::program(const char* name) const {
  for (const bpf_object* object : objects()) {
    if (const bpf_program* program = bpf_object__find_program_by_name(object, name))
      return bpf_program__fd(program);
  }
  throw std::runtime_error(name);
}

int Datapath::map(const char* name) const {
  for (const bpf_object* object : objects()) {
    if (const int fd = bpf_object__find_map_fd_by_name(object, name); fd >= 0) return fd;
  }
  throw std::runtime_error(name);
}

RunResult Datapath::run(int program_fd, const Bytes& packet, RunOptions options) const {
  __sk_buff context{};
  context.ifindex = options.interface_index;
  LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet.data(),
              .data_size_in = static_cast<std::uint32_t>(packet.size()),
              .repeat = static_cast<int>(options.repeat));
  if (options.interface_index != 0) {
    run.ctx_in = &context;
    run.ctx_size_in = sizeof(context);
  }
  check(bpf_prog_test_run_opts(program_fd, &run), "BPF_PROG_TEST_RUN");
  return {.action = run.retval, .nanoseconds = run.duration};
}

void Datapath::set_endpoint(std::uint16_t flags, std::uint32_t slot) {
  endpoint_value endpoint{};
  endpoint.identity = kLocalIdentity;
  endpoint.endpoint_id = kEndpointId;
  endpoint.flags = flags;
  endpoint.policy_slot = slot;
  endpoint.shape_tag = kShapeTag + slot;
  endpoint.ipv4 = inet_addr(kLocal4);
  std::memcpy(endpoint.ipv6, address6(kLocal6).data(), sizeof(endpoint.ipv6));
  put("endpoints", kLoopback, endpoint);
}

void Datapath::set_config(std::uint32_t flags, std::uint32_t epoch) {
  node_config_value config{};
  config.policy_epoch = epoch;
  config.world4_identity = IDENTITY_WORLD_IPV4;
  config.world6_identity = IDENTITY_WORLD_IPV6;
  config.world4_class = kUnknownClass;
  config.world6_class = kUnknownClass;
  config.flags = flags;
  put("node_config", std::uint32_t{0}, config);
}

void Datapath::set_peer(const char* address, std::uint32_t peer_class, std::uint32_t identity) {
  const ipcache_value value{.identity = identity, .peer_class = peer_class, .interface_index = 0};
  if (is_ipv4(address)) {
    put("ipcache4", inet_addr(address), value);
  } else {
    put("ipcache6", address6(address), value);
  }
}

void Datapath::set_prefix(const char* address, std::uint32_t length, std::uint32_t peer_class,
                          std::uint32_t identity) {
  const ipcache_value value{.identity = identity, .peer_class = peer_class, .interface_index = 0};
  if (is_ipv4(address)) {
    put("ipcache4_prefix",
        ipcache4_prefix_key{.prefix_length = length, .address = inet_addr(address)}, value);
  } else {
    ipcache6_prefix_key key{.prefix_length = length, .address = {}};
    std::memcpy(key.address, address6(address).data(), sizeof(key.address));
    put("ipcache6_prefix", key, value);
  }
}

std::vector<event> Datapath::drain_events() {
  const auto records = ring_->read().events;
  return {records.begin(), records.end()};
}

std::uint64_t Datapath::limited_events() const { return ring_->limited(); }

namespace {

// A per-CPU element, one value to a CPU; empty if there is none.
template <typename Value, typename Key>
std::vector<Value> per_cpu(int map, const Key& key) {
  std::vector<Value> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  if (bpf_map_lookup_elem(map, &key, values.data()) != 0) values.clear();
  return values;
}

void add(metrics_value& sum, const metrics_value& value) {
  sum.packets += value.packets;
  sum.bytes += value.bytes;
}

}  // namespace

metrics_value Datapath::metric(policyc_drop_reason reason, policyc_direction direction) const {
  metrics_value sum{};
  const std::uint32_t index = POLICYC_METRICS_INDEX(reason, direction);
  for (const auto& value : per_cpu<metrics_value>(map("metrics"), index)) add(sum, value);
  return sum;
}

metrics_value Datapath::forwarded(policyc_direction direction) const {
  return traffic(kEndpointId, direction).passed;
}

traffic_value Datapath::traffic(std::uint16_t endpoint_id, policyc_direction direction) const {
  traffic_value sum{};
  const std::uint32_t index = endpoint_id * 2U + static_cast<std::uint32_t>(direction);
  for (const auto& value : per_cpu<traffic_value>(map("traffic"), index)) {
    add(sum.passed, value.passed);
    add(sum.dropped, value.dropped);
  }
  return sum;
}

metrics_value Datapath::rule_hits(const rule_hit_key& key) const {
  metrics_value sum{};
  for (const auto& value : per_cpu<metrics_value>(map("rule_hits"), key)) add(sum, value);
  for (std::uint32_t place = 0; place < RECENT_HITS; ++place) {
    for (const auto& recent : per_cpu<recent_hit_value>(map("recent_hits"), place)) {
      if (std::memcmp(&recent.key, &key, sizeof key) == 0) add(sum, recent.hits);
    }
  }
  return sum;
}

void Datapath::seed_connections() {
  const auto size = [this](const char* name) {
    return bpf_map__max_entries(bpf_object__find_map_by_name(object_.get(), name));
  };
  const auto table = maps::make_ct_table(size("conntrack4"), size("conntrack6"));
  if (!table) throw std::runtime_error(table.error().message);
  put("ct_table", std::uint32_t{0}, *table);
  entries4_.emplace(map("conntrack4"), *table);
  entries6_.emplace(map("conntrack6"), *table);
}

std::optional<ct_value> Datapath::connection(int family) const {
  const auto only = [](const auto& all) -> std::optional<ct_value> {
    EXPECT_LE(all.size(), 1U);
    return all.empty() ? std::nullopt : std::optional(all.front().value);
  };
  return family == 4 ? only(entries4_->all()) : only(entries6_->all());
}

std::size_t Datapath::connections() const {
  return entries4_->all().size() + entries6_->all().size();
}

void Datapath::edit_connection(int family, const std::function<void(ct_value&)>& edit) {
  const auto change = [&](const auto& entries) {
    auto all = entries.all();
    if (all.empty()) throw std::runtime_error("no connection");
    EXPECT_EQ(all.size(), 1U);
    edit(all.front().value);
    if (!entries.put(all.front().key, all.front().value)) throw std::runtime_error("no room");
  };
  if (family == 4) {
    change(*entries4_);
  } else {
    change(*entries6_);
  }
}

std::uint64_t Datapath::ticks_now() const {
  const ct_collect_head head{.overflowed = CT_OVERFLOWED_KEEP};
  Bytes input(64);
  input[12] = 0x08;  // an ethertype that test runs take
  std::memcpy(input.data() + 14, &head, sizeof head);
  if (run(program("ct_collect"), input).action != 0) throw std::runtime_error("ct_collect");
  return get<ct_collected_value>("ct_collected", std::uint32_t{0})->now;
}

void set_connections(bpf_object* object, std::uint32_t connections) {
  for (const char* name : {"conntrack4", "conntrack6"}) {
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object, name),
                             maps::buckets_for(connections));
  }
}

void set_constant(bpf_object* object, const char* name, std::uint32_t value) {
  const btf* types = bpf_object__btf(object);
  const int section = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
  bpf_map* rodata = nullptr;
  bpf_object__for_each_map(rodata, object) {
    if (std::string_view(bpf_map__name(rodata)).ends_with(".rodata")) break;
  }
  if (section <= 0 || rodata == nullptr) throw std::runtime_error("no constants");
  const btf_type* type = btf__type_by_id(types, static_cast<std::uint32_t>(section));
  std::size_t bytes = 0;
  auto* data =
      static_cast<std::uint8_t*>(const_cast<void*>(bpf_map__initial_value(rodata, &bytes)));
  for (std::uint32_t i = 0; i < btf_vlen(type); ++i) {
    const btf_var_secinfo& variable = btf_var_secinfos(type)[i];
    const btf_type* of_variable = btf__type_by_id(types, variable.type);
    if (std::string_view(btf__name_by_offset(types, of_variable->name_off)) != name) continue;
    std::memcpy(data + variable.offset, &value, std::min<std::size_t>(variable.size, sizeof value));
    return;
  }
  throw std::runtime_error(name);
}

std::uint64_t coarse_now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t ticks_per_second() {
  timespec tick{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  return 1'000'000'000U / static_cast<std::uint64_t>(tick.tv_nsec);
}

}  // namespace policyc::kernel_test
