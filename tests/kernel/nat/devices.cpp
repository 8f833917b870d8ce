#include "tests/kernel/nat/devices.h"

#include <cstdlib>
#include <cstring>
#include <functional>
#include <stdexcept>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

namespace policyc::kernel_test {
namespace {

constexpr std::size_t kNetwork = 14;
constexpr std::size_t kRoom = 128;  // that a program may add

void shell(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

template <typename Field>
void write_address(const std::string& text, int family, Field* field) {
  if (inet_pton(family == 4 ? AF_INET : AF_INET6, text.c_str(), field) != 1)
    throw std::invalid_argument(text);
}

// Calls back with the key of the tuple, of the family's type.
template <typename Visit>
auto with_key(int family, std::uint8_t protocol, const End& source, const End& destination,
              Visit visit) {
  const auto fill = [&](auto key) {
    write_address(source.address(family), family, &key.source);
    write_address(destination.address(family), family, &key.destination);
    key.source_port = htons(source.port);
    key.destination_port = htons(destination.port);
    key.protocol = protocol;
    return key;
  };
  if (family == 4) {
    const nat4_key key = fill(nat4_key{});
    return visit("nat4", &key, nat_value{});
  }
  const nat6_key key = fill(nat6_key{});
  return visit("nat6", &key, nat_value{});
}

template <typename Key>
void clear(int map) {
  Key key{};
  while (bpf_map_get_next_key(map, nullptr, &key) == 0) bpf_map_delete_elem(map, &key);
}

// Ready to be loaded, with small maps.
bpf_object* open_object(const char* path) {
  bpf_object* object = bpf_object__open_file(path, nullptr);
  if (object == nullptr) throw std::runtime_error(path);
  set_constant(object, "ticks_per_second", static_cast<std::uint32_t>(ticks_per_second()));
  bpf_map* map = nullptr;
  const auto cpus = static_cast<std::uint32_t>(libbpf_num_possible_cpus());
  bpf_object__for_each_map(map, object) {
    const std::string name = bpf_map__name(map);
    if (name == "event_heads") bpf_map__set_max_entries(map, cpus);
    if (name == "event_slots") bpf_map__set_max_entries(map, cpus * EVENT_SLOTS);
    if (bpf_map__max_entries(map) > 1024 && !name.starts_with("event"))
      bpf_map__set_max_entries(map, 1024);
  }
  return object;
}

}  // namespace

std::unique_ptr<Devices> DeviceTest::node_;

Devices::Devices() {
  // Frames of packet.h are for this station.
  for (const char* name : {"front", "back", "pod"}) {
    shell(std::string("ip link add ") + name + " address 02:00:00:00:00:01 type veth peer name " +
          name + "-peer && ip link set " + name + " up && ip link set " + name + "-peer up");
  }
  shell(
      "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding;"
      "ip addr add 198.51.100.1/24 dev front && ip addr add 2001:db8:1::1/64 dev front nodad &&"
      "ip addr add 10.10.0.1/24 dev back && ip addr add fd10::1/64 dev back nodad &&"
      "for a in 198.51.100.9 198.51.100.10 2001:db8:1::9 2001:db8:1::10; do"
      "  ip neigh add $a lladdr 02:00:00:00:01:09 dev front nud permanent; done;"
      "for a in 10.10.0.2 fd10::2; do"
      "  ip neigh add $a lladdr 02:00:00:00:02:02 dev back nud permanent; done;"
      "ip route add 10.20.0.0/16 via 10.10.0.2 && ip route add fd20::/64 via fd10::2 &&"
      "ip route add 10.30.0.5 dev pod && ip route add fd30::5 dev pod");
  front_ = ::if_nametoindex("front");
  back_ = ::if_nametoindex("back");
  pod_ = ::if_nametoindex("pod");
  object_.reset(open_object(POLICYC_DEVICE_OBJECT));
  if (bpf_object__load(object_.get()) != 0) throw std::runtime_error("bpf_object__load");
  const auto buckets = [this](const char* name) {
    return bpf_map__max_entries(bpf_object__find_map_by_name(object_.get(), name));
  };
  const auto table = maps::make_ct_table(buckets("conntrack4"), buckets("conntrack6"));
  if (!table) throw std::runtime_error(table.error().message);
  put("ct_table", std::uint32_t{0}, *table);
  entries4_.emplace(this->map("conntrack4"), *table);
  entries6_.emplace(this->map("conntrack6"), *table);
  xdp_.reset(open_object(POLICYC_XDP_OBJECT));
  bpf_map* own = nullptr;
  bpf_object__for_each_map(own, xdp_.get()) {
    const char* name = bpf_map__name(own);
    const int fd = bpf_object__find_map_fd_by_name(object_.get(), name);
    if (fd >= 0 && !bpf_map__is_internal(own) && std::strcmp(name, "nat_work") != 0)
      bpf_map__reuse_fd(own, fd);
  }
  if (bpf_object__load(xdp_.get()) != 0) throw std::runtime_error("bpf_object__load");
  auto ring =
      events::Ring::open(this->map("event_heads"), this->map("event_slots"), events::From::Oldest);
  if (!ring) throw std::runtime_error(ring.error().message);
  ring_ = std::move(*ring);
  reset();
}

int Devices::map(const char* name) const {
  const int fd = bpf_object__find_map_fd_by_name(object_.get(), name);
  if (fd < 0) throw std::runtime_error(name);
  return fd;
}

int Devices::program(const char* name) const {
  const bpf_program* program = bpf_object__find_program_by_name(object_.get(), name);
  if (program == nullptr) throw std::runtime_error(name);
  return bpf_program__fd(program);
}

device_value Devices::device_of(Device device, std::uint32_t flags) {
  const End& own = device == Device::Front ? kNodeFront : kNodeBack;
  device_value value{};
  value.flags = flags;
  write_address(own.v4, 4, &value.ipv4);
  write_address(own.v6, 6, &value.ipv6);
  value.port_first = NAT_PORT_FIRST;
  value.port_last = NAT_PORT_LAST;
  value.mac[0] = 2;  // of every device here
  value.mac[5] = 1;
  return value;
}

void Devices::reset() {
  clear<nat4_key>(map("nat4"));
  clear<nat6_key>(map("nat6"));
  entries4_->clear();
  entries6_->clear();
  clear<frontend4_key>(map("frontends4"));
  clear<frontend6_key>(map("frontends6"));
  clear<affinity_key>(map("affinity"));
  clear<local_backend_key>(map("local_backends"));
  clear<fragment_key>(map("fragments"));
  clear<source_range_key>(map("source_ranges"));
  clear<nat_exclusion4_key>(map("nat_exclusions4"));
  clear<nat_exclusion6_key>(map("nat_exclusions6"));
  const std::uint32_t both = DEVICE_MASQUERADE4 | DEVICE_MASQUERADE6 | DEVICE_SERVICES;
  set_device(Device::Front, device_of(Device::Front, both));
  set_device(Device::Back, device_of(Device::Back, DEVICE_SERVICES));
  node_config_value config{};
  config.policy_epoch = 1;
  config.world4_identity = IDENTITY_WORLD_IPV4;
  config.world6_identity = IDENTITY_WORLD_IPV6;
  put("node_config", 0U, config);
  const std::vector<std::uint64_t> zeros(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  for (std::uint32_t slot = 0; slot < NAT_TRIES_SLOTS; ++slot)
    bpf_map_update_elem(map("nat_tries"), &slot, zeros.data(), BPF_ANY);
  set_service_flags(0);
  set_pod(0);
  set_identity(kPod, 5001, pod_);
  set_identity(kOtherPod, 5001, pod_);
  set_identity(kBackend, 5002);
  set_identity(kSecondBackend, 5002);
  for (const char* bucket : {"answer_state"}) {
    const std::uint32_t first = 0;
    std::vector<std::uint8_t> state(
        bpf_map__value_size(bpf_object__find_map_by_name(object_.get(), bucket)) * zeros.size() +
        8 * zeros.size());
    bpf_map_update_elem(map(bucket), &first, state.data(), BPF_ANY);
  }
  static_cast<void>(drops());
}

void Devices::set_pod(std::uint16_t flags) {
  endpoint_value value{};
  value.identity = 5001;
  value.endpoint_id = 42;
  value.flags = flags;
  write_address(kPod.v4, 4, &value.ipv4);
  write_address(kPod.v6, 6, value.ipv6);
  put("endpoints", pod_, value);
}

void Devices::set_identity(const End& end, std::uint32_t identity, std::uint32_t interface_index) {
  const ipcache_value value{
      .identity = identity, .peer_class = 1, .interface_index = interface_index};
  ipcache4_key key4{};
  ipcache6_key key6{};
  write_address(end.v4, 4, &key4.address);
  write_address(end.v6, 6, key6.address);
  put("ipcache4", key4, value);
  put("ipcache6", key6, value);
}

void Devices::set_service_flags(std::uint32_t flags) {
  service_config_value config{};
  config.flags = flags;
  config.seed = 42;
  put("service_config", 0U, config);
}

void Devices::set_backend(std::uint32_t number, int family, const Backend& backend,
                          std::uint32_t generation) {
  backend_value value{};
  write_address(backend.end.address(family), family, value.address);
  value.port = htons(backend.end.port);
  value.family = static_cast<std::uint8_t>(family);
  value.state = backend.state;
  value.flags = backend.flags;
  value.generation = generation;
  value.service = kService + (family == 6 ? 1 : 0);
  put("backends", number + (family == 6 ? 100 : 0), value);
  if ((value.flags & BACKEND_LOCAL) == 0) return;
  local_backend_key key{.service = value.service, .address = {}};
  std::ranges::copy(value.address, key.address);
  put("local_backends", key, number + (family == 6 ? 100 : 0));
}

void Devices::set_frontend(std::uint32_t flags, const std::vector<Backend>& backends,
                           std::uint32_t affinity_seconds) {
  for (const int family : {4, 6}) {
    const std::uint32_t v6 = family == 6 ? 1 : 0;
    frontend_value value{};
    value.frontend = kFrontendNumber + v6;
    const bool crosses = (flags & FRONTEND_OTHER_FAMILY) != 0;
    value.service[SCOPE_EXTERNAL] = kService + (crosses ? 1 - v6 : v6);
    value.service[SCOPE_INTERNAL] = kService + v6;
    value.flags = flags;
    value.affinity_seconds = affinity_seconds;
    const frontend_value address_alone{};
    const auto each_key = [&](auto key, const char* name) {
      write_address(kFrontend.address(family), family, &key.address);
      put(name, key, address_alone);
      for (const std::uint8_t protocol : {kTcp, kUdp, kSctp}) {
        key.port = htons(kFrontend.port);
        key.protocol = protocol;
        put(name, key, value);
      }
    };
    if (family == 4) each_key(frontend4_key{}, "frontends4");
    if (family == 6) each_key(frontend6_key{}, "frontends6");
    std::uint32_t number = 0, active = 0;
    for (const Backend& backend : backends) {
      set_backend(++number, family, backend);
      if (backend.state != BACKEND_ACTIVE) continue;
      put("slots", 100 * v6 + active++, number + 100 * v6);
    }
    put("services", kService + v6, service_value{.slots = 100 * v6, .count = active});
  }
}

Passed Devices::run(const char* program_name, Device device, const Bytes& frame,
                    std::uint32_t mark) const {
  Passed passed{.frame = Bytes(frame.size() + kRoom)};
  __sk_buff context{}, after{};
  context.ifindex = index(device);
  context.mark = mark;
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = passed.frame.data(),
              .data_size_in = static_cast<std::uint32_t>(frame.size()),
              .data_size_out = static_cast<std::uint32_t>(passed.frame.size()), .ctx_in = &context,
              .ctx_out = &after, .ctx_size_in = sizeof context, .ctx_size_out = sizeof after,
              .repeat = 1);
  const int error = bpf_prog_test_run_opts(program(program_name), &options);
  if (error != 0)
    throw std::runtime_error(std::string("BPF_PROG_TEST_RUN: ") + std::strerror(-error));
  passed.action = options.retval;
  passed.frame.resize(options.data_size_out);
  passed.mark = after.mark;
  return passed;
}

Passed Devices::xdp(Device device, const Bytes& frame) const {
  Passed passed{.frame = Bytes(frame.size() + kRoom)};
  xdp_md context{};
  context.data_end = static_cast<std::uint32_t>(frame.size());
  context.ingress_ifindex = index(device);
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = passed.frame.data(),
              .data_size_in = static_cast<std::uint32_t>(frame.size()),
              .data_size_out = static_cast<std::uint32_t>(passed.frame.size()), .ctx_in = &context,
              .ctx_size_in = sizeof context, .repeat = 1);
  const bpf_program* program = bpf_object__find_program_by_name(xdp_.get(), "xdp_device");
  const int error = bpf_prog_test_run_opts(bpf_program__fd(program), &options);
  if (error != 0)
    throw std::runtime_error(std::string("BPF_PROG_TEST_RUN: ") + std::strerror(-error));
  passed.action = options.retval;
  passed.frame.resize(options.data_size_out);
  return passed;
}

std::optional<nat_state> Devices::element(int family, std::uint8_t protocol, const End& source,
                                          const End& destination) const {
  return with_key(family, protocol, source, destination,
                  [&](const char* name, const auto* key, auto value) -> std::optional<nat_state> {
                    if (bpf_map_lookup_elem(map(name), key, &value) != 0) return std::nullopt;
                    return value.state;
                  });
}

void Devices::edit(int family, std::uint8_t protocol, const End& source, const End& destination,
                   const std::function<void(nat_state&)>& change) const {
  with_key(family, protocol, source, destination,
           [&](const char* name, const auto* key, auto value) {
             if (bpf_map_lookup_elem(map(name), key, &value) != 0)
               throw std::runtime_error("no element");
             change(value.state);
             if (bpf_map_update_elem(map(name), key, &value, BPF_EXIST) != 0)
               throw std::runtime_error("bpf_map_update_elem");
           });
}

void Devices::erase(int family, std::uint8_t protocol, const End& source,
                    const End& destination) const {
  with_key(family, protocol, source, destination, [&](const char* name, const auto* key, auto) {
    if (bpf_map_delete_elem(map(name), key) != 0) throw std::runtime_error("no element");
  });
}

std::size_t Devices::elements(int family) const {
  std::size_t count = 0;
  nat6_key key{};  // the larger one
  const int table = map(family == 4 ? "nat4" : "nat6");
  for (int error = bpf_map_get_next_key(table, nullptr, &key); error == 0;
       error = bpf_map_get_next_key(table, &key, &key))
    ++count;
  return count;
}

std::uint64_t Devices::tries(std::uint32_t slot) const {
  std::vector<std::uint64_t> values(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  bpf_map_lookup_elem(map("nat_tries"), &slot, values.data());
  std::uint64_t sum = 0;
  for (const std::uint64_t value : values) sum += value;
  return sum;
}

std::uint64_t Devices::now() const {
  Bytes input(64);
  input[12] = 0x08;
  input[kNetwork] = 4;  // no keys follow
  static_cast<void>(run("nat_collect", Device::Front, input));
  nat_collected_value value{};
  const std::uint32_t first = 0;
  bpf_map_lookup_elem(map("nat_collected"), &first, &value);
  return value.now;
}

std::vector<int> Devices::drops() {
  std::vector<int> reasons;
  for (const event& record : ring_->read().events) {
    if (record.type == EVENT_DROP) reasons.push_back(record.reason);
  }
  return reasons;
}

Ends ends_of(const Bytes& frame) {
  const bool v4 = frame[kNetwork] >> 4U == 4;
  const std::size_t transport = kNetwork + (v4 ? 4U * (frame[kNetwork] & 0xfU) : 40U);
  const auto end = [&](std::size_t at, std::size_t port) {
    char text[INET6_ADDRSTRLEN] = {};
    inet_ntop(v4 ? AF_INET : AF_INET6, frame.data() + at, text, sizeof text);
    return End{v4 ? text : "", v4 ? "" : text,
               static_cast<std::uint16_t>(frame[port] << 8U | frame[port + 1])};
  };
  if (v4) return {end(kNetwork + 12, transport), end(kNetwork + 16, transport + 2)};
  return {end(kNetwork + 8, transport), end(kNetwork + 24, transport + 2)};
}

Bytes packet_of(int family, const End& source, const End& destination, Layer transport,
                std::size_t payload, std::uint8_t hops) {
  Layer ip = Ipv4{.source = source.v4, .destination = destination.v4, .ttl = hops};
  if (family == 6) ip = Ipv6{.source = source.v6, .destination = destination.v6, .hop_limit = hops};
  return sealed(build({Eth{}, ip, std::move(transport), Payload{.size = payload}}));
}

Bytes tcp_of(int family, const End& source, const End& destination, std::uint8_t flags,
             std::size_t payload) {
  return packet_of(
      family, source, destination,
      Tcp{.source_port = source.port, .destination_port = destination.port, .flags = flags},
      payload);
}

Bytes udp_of(int family, const End& source, const End& destination, std::size_t payload) {
  return packet_of(family, source, destination,
                   Udp{.source_port = source.port, .destination_port = destination.port}, payload);
}

std::uint8_t hops_of(const Bytes& frame) {
  return frame[kNetwork + (frame[kNetwork] >> 4U == 4 ? 8 : 7)];
}

void DeviceTest::expect_drop(const Passed& passed, policyc_drop_reason reason) {
  EXPECT_EQ(passed.action, kDrop);
  EXPECT_EQ(node().drops(), std::vector<int>{reason});
}

}  // namespace policyc::kernel_test
