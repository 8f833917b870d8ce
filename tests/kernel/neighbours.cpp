#include "tests/kernel/neighbours.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include "tests/kernel/ageing.h"

namespace policyc::kernel_test {
namespace {

// The station that build() sends to: what it makes is for the host.
constexpr const char* kHostStation = "02:00:00:00:00:01";
constexpr const char* kInterfaces[] = {"alice", "bob"};

Bytes address_bytes(const std::string& text, int family) {
  Bytes bytes(family == 4 ? 4 : 16);
  if (inet_pton(family == 4 ? AF_INET : AF_INET6, text.c_str(), bytes.data()) != 1)
    throw std::invalid_argument(text);
  return bytes;
}

template <class Key>
Key connection_key(Who who, int family, std::uint8_t protocol, std::uint16_t own_port,
                   std::uint16_t other_port) {
  Key key{};
  const Bytes local = address_bytes(Neighbours::address(who, family), family);
  const Bytes remote = address_bytes(Neighbours::address(other(who), family), family);
  std::memcpy(&key.local_address, local.data(), local.size());
  std::memcpy(&key.remote_address, remote.data(), remote.size());
  key.local_port = htons(own_port);
  key.remote_port = htons(other_port);
  key.protocol = protocol;
  return key;
}

// Calls back with the table of the family and the connection's key.
template <class Do>
auto with_entry(const Datapath& datapath, Who who, int family, std::uint8_t protocol,
                std::uint16_t own_port, std::uint16_t other_port, const Do& callback) {
  if (family == 4) {
    return callback(datapath.entries4(),
                    connection_key<ct4_key>(who, family, protocol, own_port, other_port));
  }
  return callback(datapath.entries6(),
                  connection_key<ct6_key>(who, family, protocol, own_port, other_port));
}

void shell(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

}  // namespace

OwnNetwork::OwnNetwork() : outside_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
  if (outside_ < 0 || ::unshare(CLONE_NEWNET) != 0)
    throw std::runtime_error("no network namespace");
}

OwnNetwork::~OwnNetwork() {
  if (::setns(outside_, CLONE_NEWNET) != 0) std::abort();
  ::close(outside_);
}

Neighbours::Neighbours() : datapath_(Policy::Matrix) {
  datapath_.add_policy(Policy::Matrix, slot(kBob));
  shell(std::string("ip link add ") + kInterfaces[0] + " address " + kHostStation +
        " type veth peer name " + kInterfaces[1] + " address " + kHostStation);
  for (const Who who : {kAlice, kBob})
    interfaces_[number(who)] = ::if_nametoindex(kInterfaces[number(who)]);
  reset();
}

std::string Neighbours::address(Who who, int family) {
  if (family == 4) return who == kAlice ? kLocal4 : kRemote4;
  return who == kAlice ? kLocal6 : kRemote6;
}

// That of the sender in every frame of packet.h.
Bytes Neighbours::mac(Who) { return {2, 0, 0, 0, 0, 2}; }
Bytes Neighbours::host_mac(Who who) {
  return {2, 0, 0, 0, 2, static_cast<std::uint8_t>(number(who))};
}

void Neighbours::reset() {
  forget_everything(datapath_);
  for (const Who who : {kAlice, kBob}) {
    endpoint_value value{};
    value.identity = identity(who);
    value.endpoint_id = id(who);
    value.policy_slot = slot(who);
    value.shape_tag = tag(who);
    value.mtu = kMtu;
    std::memcpy(&value.ipv4, address_bytes(address(who, 4), 4).data(), 4);
    std::memcpy(value.ipv6, address_bytes(address(who, 6), 6).data(), 16);
    std::memcpy(value.mac, mac(who).data(), sizeof value.mac);
    std::memcpy(value.host_mac, host_mac(who).data(), sizeof value.host_mac);
    set_endpoint(who, value);
    set_class(who, kAllowedClass);
  }
  epoch_ = 0;
  change(NODE_LOCAL_DELIVERY | NODE_TRACE_VERDICTS);
  static_cast<void>(datapath_.drain_events());
}

void Neighbours::change(std::uint32_t flags) {
  flags_ = flags;
  datapath_.set_config(flags, ++epoch_);
}

endpoint_value Neighbours::endpoint(Who who) const {
  return datapath_.get<endpoint_value>("endpoints", interface(who)).value();
}

void Neighbours::set_endpoint(Who who, const endpoint_value& value) {
  datapath_.put("endpoints", interface(who), value);
}

void Neighbours::set_class(Who who, std::uint32_t peer_class, bool local) {
  const ipcache_value value{.identity = identity(who),
                            .peer_class = peer_class,
                            .interface_index = local ? interface(who) : 0};
  ipcache4_key key4{};
  ipcache6_key key6{};
  std::memcpy(&key4, address_bytes(address(who, 4), 4).data(), sizeof key4);
  std::memcpy(&key6, address_bytes(address(who, 6), 6).data(), sizeof key6);
  datapath_.put("ipcache4", key4, value);
  datapath_.put("ipcache6", key6, value);
}

Neighbours::Ran Neighbours::run(Hook hook, Who who, const Bytes& frame, Gso gso) const {
  Ran ran{.frame = Bytes(frame.size() + 64)};
  __sk_buff context{};
  context.ifindex = interface(who);
  context.gso_segs = gso.segments;
  context.gso_size = gso.size;
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_out = ran.frame.data(),
              .data_size_in = static_cast<std::uint32_t>(frame.size()),
              .data_size_out = static_cast<std::uint32_t>(ran.frame.size()), .ctx_in = &context,
              .ctx_size_in = sizeof context, .repeat = 1);
  const int error = bpf_prog_test_run_opts(datapath_.program(hook), &options);
  if (error != 0)
    throw std::runtime_error(std::string("BPF_PROG_TEST_RUN: ") + std::strerror(-error));
  ran.action = options.retval;
  ran.frame.resize(options.data_size_out);
  return ran;
}

std::optional<ct_value> Neighbours::entry(Who who, int family, std::uint8_t protocol,
                                          std::uint16_t own_port, std::uint16_t other_port) const {
  return with_entry(datapath_, who, family, protocol, own_port, other_port,
                    [](const auto& entries, const auto& key) { return entries.lookup(key); });
}

void Neighbours::set_entry(Who who, int family, std::uint8_t protocol, std::uint16_t own_port,
                           std::uint16_t other_port, const ct_value& value) {
  if (!with_entry(datapath_, who, family, protocol, own_port, other_port,
                  [&](const auto& entries, const auto& key) { return entries.put(key, value); }))
    throw std::runtime_error("no room");
}

void Neighbours::erase_entry(Who who, int family, std::uint8_t protocol, std::uint16_t own_port,
                             std::uint16_t other_port) const {
  if (!with_entry(datapath_, who, family, protocol, own_port, other_port,
                  [](const auto& entries, const auto& key) { return entries.erase(key); }))
    throw std::runtime_error("no such entry");
}

}  // namespace policyc::kernel_test
