#include "tests/kernel/services.h"

#include <cstring>

#include <arpa/inet.h>

namespace policyc::kernel_test {
namespace {

std::size_t size_of(int family) { return family == 4 ? 4 : 16; }

void write_address(std::uint8_t* to, const std::string& text, int family) {
  if (inet_pton(family == 4 ? AF_INET : AF_INET6, text.c_str(), to) != 1)
    throw std::invalid_argument(text);
}

}  // namespace

std::string Services::frontend_ip() { return family() == 4 ? "10.96.0.1" : "fd00:96::1"; }
std::string Services::pod_elsewhere(int number) {
  return (family() == 4 ? "10.1.0." : "fd01::") + std::to_string(number + 1);
}
std::string Services::loopback() { return family() == 4 ? "169.254.42.1" : "fe80::42:1"; }

void Services::SetUp() {
  Delivery::SetUp();
  node_->change(NODE_LOCAL_DELIVERY | NODE_TRACE_VERDICTS | NODE_SERVICES);
  set_service_flags(0);
  for (int number = 0; number < 3; ++number)
    datapath().set_peer(pod_elsewhere(number).c_str(), kAllowedClass);
  for (const std::uint8_t protocol : {kTcp, kUdp, kSctp}) set_frontend(protocol);
  // What clients were given in another test is gone.
  for (std::uint32_t number = 1; number <= 3; ++number)
    set_backend(number, {pod_elsewhere(0), kBackendPort}, BACKEND_FREE);
  set_backends({});
}

void Services::set_service_flags(std::uint32_t flags) {
  service_config_value config{};
  config.flags = flags;
  std::uint8_t address[16]{};
  write_address(address, loopback(), family());
  std::memcpy(family() == 4 ? static_cast<void*>(&config.loopback4) : config.loopback6, address,
              size_of(family()));
  datapath().put("service_config", 0U, config);
}

void Services::set_frontend(std::uint8_t protocol, std::uint32_t affinity_seconds,
                            std::uint16_t port) {
  frontend_value value{};
  value.frontend = kFrontend + protocol;
  value.service[SCOPE_INTERNAL] = kService;
  value.affinity_seconds = affinity_seconds;
  frontend_address told{};
  write_address(told.address, frontend_ip(), family());
  told.port = htons(port);
  told.protocol = protocol;
  told.family = static_cast<std::uint8_t>(family());
  datapath().put("frontends", value.frontend, told);
  if (family() == 4) {
    frontend4_key key{.address = 0, .port = told.port, .protocol = protocol, .pad = 0};
    std::memcpy(&key.address, told.address, 4);
    datapath().put("frontends4", key, value);
  } else {
    frontend6_key key{};
    std::memcpy(key.address, told.address, 16);
    key.port = told.port;
    key.protocol = protocol;
    datapath().put("frontends6", key, value);
  }
}

void Services::set_address_only() {
  const frontend_value value{};
  if (family() == 4) {
    frontend4_key key{};
    write_address(reinterpret_cast<std::uint8_t*>(&key.address), frontend_ip(), 4);
    datapath().put("frontends4", key, value);
  } else {
    frontend6_key key{};
    write_address(key.address, frontend_ip(), 6);
    datapath().put("frontends6", key, value);
  }
}

void Services::set_backend(std::uint32_t number, const End& end, policyc_backend_state state,
                           std::uint32_t generation, std::uint8_t protocol) {
  backend_value value{};
  write_address(value.address, end.address, family());
  value.port = htons(end.port);
  value.protocol = protocol;
  value.family = static_cast<std::uint8_t>(family());
  value.state = static_cast<std::uint8_t>(state);
  value.generation = generation;
  value.service = kService;
  datapath().put("backends", number, value);
}

void Services::set_backends(const std::vector<End>& ends, std::uint8_t protocol) {
  for (std::uint32_t i = 0; i < ends.size(); ++i) {
    set_backend(i + 1, ends[i], BACKEND_ACTIVE, 1, protocol);
    datapath().put("slots", 10 + i, i + 1);
  }
  datapath().put("services", kService,
                 service_value{.slots = 10, .count = static_cast<std::uint32_t>(ends.size())});
}

Bytes Services::packet(const End& from, const End& to, const Layer& transport) {
  const Layer header = family() == 4
                           ? Layer(Ipv4{.source = from.address, .destination = to.address})
                           : Layer(Ipv6{.source = from.address, .destination = to.address});
  Bytes frame = build({Eth{}, header, transport, Payload{.size = 16}});
  if (!std::holds_alternative<Sctp>(transport)) make_sound(frame, family());
  return frame;
}

Bytes Services::tcp_packet(const End& from, const End& to, std::uint8_t flags) {
  return packet(from, to,
                Tcp{.source_port = from.port, .destination_port = to.port, .flags = flags});
}

Bytes Services::udp_packet(const End& from, const End& to) {
  return packet(from, to, Udp{.source_port = from.port, .destination_port = to.port});
}

End Services::end_of(const Bytes& frame, bool destination) {
  const std::size_t network = network_offset();
  const std::size_t size = size_of(family());
  const std::size_t address = network + (family() == 4 ? 12U : 8U) + (destination ? size : 0);
  const std::size_t port = network + (family() == 4 ? 20U : 40U) + (destination ? 2U : 0U);
  char text[INET6_ADDRSTRLEN];
  inet_ntop(family() == 4 ? AF_INET : AF_INET6, frame.data() + address, text, sizeof text);
  return {text, static_cast<std::uint16_t>(frame.at(port) * 256 + frame.at(port + 1))};
}

void Services::expect_ran(const Neighbours::Ran& ran, std::uint32_t action, const End& from,
                          const End& to, bool sound) {
  EXPECT_EQ(ran.action, action);
  EXPECT_EQ(source_of(ran.frame).address, from.address);
  EXPECT_EQ(source_of(ran.frame).port, from.port);
  EXPECT_EQ(destination_of(ran.frame).address, to.address);
  EXPECT_EQ(destination_of(ran.frame).port, to.port);
  if (sound) {
    EXPECT_TRUE(is_sound(ran.frame, family()));
  }
}

void Services::expect_reason(policyc_drop_reason reason) {
  const auto events = datapath().drain_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].type, EVENT_DROP);
  EXPECT_EQ(static_cast<int>(events[0].reason), static_cast<int>(reason));
}

}  // namespace policyc::kernel_test
