#include "tests/e2e/nat/network.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <vector>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loader/bpf/bpffs.h"
#include "loader/nat/devices.h"
#include "runtime/abi/abi.h"
#include "runtime/abi/service.h"

namespace policyc::test {
namespace {

constexpr int kPatience = 2000;  // ms
constexpr std::uint16_t kServerPort = 8080;

void check(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what + ": " + std::strerror(errno));
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Address address_of(const std::string& text, std::uint16_t port) {
  Address address;
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(text.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    throw std::invalid_argument(text);
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  freeaddrinfo(found);
  return address;
}

std::string text_of(const sockaddr_storage& storage, socklen_t size) {
  char host[NI_MAXHOST] = {};
  getnameinfo(reinterpret_cast<const sockaddr*>(&storage), size, host, sizeof host, nullptr, 0,
              NI_NUMERICHOST);
  const std::string text = host;
  return text.starts_with("::ffff:") ? text.substr(7) : text;
}

bool readable(int fd) {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&one, 1, kPatience) == 1;
}

int bound(int type) {
  const int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
  const int on = 1, off = 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  const Address any = address_of("::", kServerPort);
  check(bind(fd, reinterpret_cast<const sockaddr*>(&any.storage), any.size) == 0, "bind");
  if (type == SOCK_STREAM) check(listen(fd, 16) == 0, "listen");
  return fd;
}

void serve(int stream, int datagram, int stop) {
  char buffer[65536];
  while (true) {
    pollfd fds[] = {{stream, POLLIN, 0}, {datagram, POLLIN, 0}, {stop, POLLIN | POLLHUP, 0}};
    poll(fds, 3, -1);
    if (fds[2].revents != 0) return;
    Address peer;
    peer.size = sizeof peer.storage;
    auto* raw = reinterpret_cast<sockaddr*>(&peer.storage);
    if (fds[0].revents != 0) {
      const int fd = accept(stream, raw, &peer.size);
      std::string said;
      // To the end of what the client sends.
      for (ssize_t size = 0; readable(fd) && (size = read(fd, buffer, sizeof buffer)) > 0;)
        said.append(buffer, static_cast<std::size_t>(size));
      const std::string answer = text_of(peer.storage, peer.size) + " " + said;
      for (std::size_t done = 0; done < answer.size();) {
        const ssize_t size = write(fd, answer.data() + done, answer.size() - done);
        if (size <= 0) break;
        done += static_cast<std::size_t>(size);
      }
      close(fd);
    }
    if (fds[1].revents != 0) {
      const ssize_t size = recvfrom(datagram, buffer, sizeof buffer, 0, raw, &peer.size);
      const std::string answer =
          text_of(peer.storage, peer.size) + " " +
          std::string(buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
      sendto(datagram, answer.data(), answer.size(), 0, raw, peer.size);
    }
  }
}

const char* short_name(Host host) {
  constexpr const char* kNames[] = {"client", "node1", "node2", "pod", "own"};
  return kNames[static_cast<int>(host)];
}

constexpr Host kHosts[] = {Host::Client, Host::Node1, Host::Node2, Host::Pod, Host::OwnPod};

}  // namespace

Network::Network() : prefix_("nat-" + std::to_string(getpid()) + "-") {
  for (const Host host : kHosts) {
    check(std::system(("ip netns add " + name(host)).c_str()) == 0, "ip netns add");
    shell(host, "ip link set lo up; echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad");
  }
  const auto link = [&](Host a, const char* a_name, Host b, const char* b_name) {
    shell(a, std::string("ip link add ") + a_name + " type veth peer name " + b_name + " netns " +
                 name(b) + " && ip link set " + a_name + " up");
    shell(b, std::string("ip link set ") + b_name + " up");
  };
  link(Host::Client, "eth0", Host::Node1, "front");
  link(Host::Node1, "back", Host::Node2, "eth0");
  link(Host::Node2, "lxc", Host::Pod, "eth0");
  link(Host::Node1, "lxc", Host::OwnPod, "eth0");
  for (const Host node : {Host::Node1, Host::Node2})
    shell(
        node,
        "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
  const auto address = [&](Host host, const char* device, const char* v4, const char* v6) {
    shell(host, std::string("ip addr add ") + v4 + " dev " + device + " && ip addr add " + v6 +
                    " dev " + device + " nodad");
  };
  const auto route = [&](Host host, const char* to4, const char* via4, const char* to6,
                         const char* via6) {
    shell(host, std::string("ip route add ") + to4 + " via " + via4 + " && ip -6 route add " + to6 +
                    " via " + via6);
  };
  address(Host::Client, "eth0", "198.51.100.9/24", "2001:db8:1::9/64");
  address(Host::Node1, "front", "198.51.100.1/24", "2001:db8:1::1/64");
  address(Host::Node1, "back", "10.10.0.1/24", "fd10::1/64");
  address(Host::Node1, "lxc", "10.30.0.1/24", "fd30::1/64");
  address(Host::OwnPod, "eth0", "10.30.0.5/24", "fd30::5/64");
  address(Host::Node2, "eth0", "10.10.0.2/24", "fd10::2/64");
  address(Host::Node2, "lxc", "10.20.0.1/24", "fd20::1/64");
  address(Host::Pod, "eth0", "10.20.0.7/24", "fd20::7/64");
  route(Host::Client, "default", "198.51.100.1", "default", "2001:db8:1::1");
  route(Host::Node1, "10.20.0.0/24", "10.10.0.2", "fd20::/64", "fd10::2");
  route(Host::Node2, "default", "10.10.0.1", "default", "fd10::1");
  route(Host::Pod, "default", "10.20.0.1", "default", "fd20::1");
  route(Host::OwnPod, "default", "10.30.0.1", "default", "fd30::1");
}

Network::~Network() {
  for (const Host host : kHosts)
    static_cast<void>(std::system(("ip netns del " + name(host)).c_str()));
}

std::string Network::name(Host host) const { return prefix_ + short_name(host); }

void Network::in(Host host, const std::function<void()>& what) const {
  std::exception_ptr failed;
  std::thread thread([&] {
    try {
      const int fd = open(("/run/netns/" + name(host)).c_str(), O_RDONLY | O_CLOEXEC);
      check(fd >= 0 && setns(fd, CLONE_NEWNET) == 0, "setns " + name(host));
      close(fd);
      what();
    } catch (...) {
      failed = std::current_exception();
    }
  });
  thread.join();
  if (failed) std::rethrow_exception(failed);
}

void Network::shell(Host host, const std::string& command) const {
  in(host, [&] {
    if (std::system(command.c_str()) != 0)
      throw std::runtime_error(name(host) + ": failed: " + command);
  });
}

void Network::send_whole(Host host, const std::string& interface) const {
  in(host, [&] {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ethtool_value value{.cmd = ETHTOOL_STXCSUM, .data = 0};
    ifreq request{};
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&value);
    const int status = ioctl(fd, SIOCETHTOOL, &request);
    close(fd);
    check(status == 0, "ETHTOOL_STXCSUM");
  });
}

NodePrograms::NodePrograms(const Network& network, Host host) : network_(network), host_(host) {
  paths_.bpffs = std::filesystem::path(bpf::kBpffsMount) / ("policyc-" + network.name(host));
  maps_ = std::make_unique<maps::NodeMaps>(must(maps::NodeMaps::open_or_create(
      paths_.maps(),
      {.interfaces = 64, .endpoints = 64, .ipcache = 1024, .prefixes = 64, .conntrack = 1024})));
  node_config_value config = must(maps_->config());
  config.world4_identity = IDENTITY_WORLD_IPV4;
  config.world6_identity = IDENTITY_WORLD_IPV6;
  must(maps_->set_config(config));
}

NodePrograms::~NodePrograms() {
  network_.in(host_, [&] { static_cast<void>(bpf::remove_tree(paths_.bpffs)); });
}

void NodePrograms::attach(const std::string& interface, bool masquerade, nat::Dsr dsr) {
  network_.in(host_, [&] {
    nat::DeviceConfig config = must(nat::config_of_interface(interface));
    config.masquerade = masquerade;
    config.dsr = dsr;
    must(nat::attach_device(paths_, *maps_, config));
  });
}

void NodePrograms::attach_xdp(const std::string& interface) {
  network_.in(host_, [&] {
    must(nat::attach_xdp(paths_, *maps_, if_nametoindex(interface.c_str()), nat::XdpMode::Generic));
  });
}

void NodePrograms::detach_tc(const std::string& interface) {
  network_.in(host_, [&] {
    const std::string index = std::to_string(if_nametoindex(interface.c_str()));
    must(bpf::remove_tree(paths_.bpffs / "devices" / index));
  });
}

void NodePrograms::detach(const std::string& interface) {
  network_.in(host_, [&] {
    const nat::DeviceConfig config = must(nat::config_of_interface(interface));
    must(nat::detach_device(paths_, config.interface_index));
  });
}

void NodePrograms::write(const char* map, const void* key, const void* value) const {
  const bpf::Fd fd = must(bpf::open_pinned(paths_.maps() / map));
  check(bpf_map_update_elem(fd.get(), key, value, BPF_ANY) == 0, map);
}

void NodePrograms::set_identity(const std::string& address, std::uint32_t identity,
                                std::uint32_t interface_index) const {
  const ipcache_value value{
      .identity = identity, .peer_class = 1, .interface_index = interface_index};
  ipcache4_key key4{};
  ipcache6_key key6{};
  if (inet_pton(AF_INET, address.c_str(), &key4.address) == 1) {
    put("ipcache4", key4, value);
  } else {
    check(inet_pton(AF_INET6, address.c_str(), key6.address) == 1, address);
    put("ipcache6", key6, value);
  }
}

void NodePrograms::set_frontend(const std::string& v4, const std::string& v6, std::uint32_t flags,
                                const std::string& backend4, const std::string& backend6,
                                bool local) const {
  for (const std::uint32_t number : {1U, 2U}) {
    const bool is_v4 = number == 1;
    const int family = is_v4 ? AF_INET : AF_INET6;
    backend_value backend{};
    inet_pton(family, (is_v4 ? backend4 : backend6).c_str(), backend.address);
    backend.port = htons(kServerPort);
    backend.family = is_v4 ? 4 : 6;
    backend.state = BACKEND_ACTIVE;
    backend.flags = local ? BACKEND_LOCAL : 0;
    backend.generation = 1;
    backend.service = number;
    put("backends", number, backend);
    if (local) {
      local_backend_key key{.service = number, .address = {}};
      std::copy(std::begin(backend.address), std::end(backend.address), key.address);
      put("local_backends", key, number);
    }
    put("slots", number, number);
    put("services", number, service_value{.slots = number, .count = 1});
    frontend_value value{};
    value.frontend = number;
    const bool crosses = (flags & FRONTEND_OTHER_FAMILY) != 0;
    value.service[SCOPE_EXTERNAL] = crosses ? 3 - number : number;
    value.service[SCOPE_INTERNAL] = number;
    value.flags = flags;
    for (const std::uint8_t protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
      frontend4_key key4{.address = 0, .port = htons(80), .protocol = protocol, .pad = 0};
      frontend6_key key6{.address = {}, .port = htons(80), .protocol = protocol, .pad = 0};
      inet_pton(AF_INET, v4.c_str(), &key4.address);
      inet_pton(AF_INET6, v6.c_str(), key6.address);
      if (is_v4) put("frontends4", key4, value);
      if (!is_v4) put("frontends6", key6, value);
    }
  }
}

EchoServer::EchoServer(const Network& network, Host host) {
  check(pipe2(stop_, O_CLOEXEC) == 0, "pipe2");
  int stream = -1, datagram = -1;
  network.in(host, [&] {
    stream = bound(SOCK_STREAM);
    datagram = bound(SOCK_DGRAM);
  });
  thread_ = std::thread([this, stream, datagram] {
    serve(stream, datagram, stop_[0]);
    close(stream);
    close(datagram);
  });
}

EchoServer::~EchoServer() {
  close(stop_[1]);
  thread_.join();
  close(stop_[0]);
}

namespace {

std::string ask(const Network& network, Host host, int type, const std::string& to,
                std::uint16_t port, const std::string& text) {
  std::string answer;
  network.in(host, [&] {
    const Address address = address_of(to, port);
    const int fd = socket(address.storage.ss_family, type | SOCK_CLOEXEC, 0);
    const timeval patience{.tv_sec = kPatience / 1000, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0) {
      for (std::size_t done = 0; done < text.size();) {
        const ssize_t size = send(fd, text.data() + done, text.size() - done, MSG_NOSIGNAL);
        if (size <= 0) break;
        done += static_cast<std::size_t>(size);
      }
      if (type == SOCK_STREAM) shutdown(fd, SHUT_WR);
      std::vector<char> buffer(65536);
      while (readable(fd)) {
        const ssize_t size = recv(fd, buffer.data(), buffer.size(), 0);
        if (size <= 0) break;
        answer.append(buffer.data(), static_cast<std::size_t>(size));
        if (type == SOCK_DGRAM) break;
      }
    }
    close(fd);
  });
  return answer;
}

}  // namespace

std::string ask_tcp(const Network& network, Host host, const std::string& address,
                    std::uint16_t port, const std::string& text) {
  return ask(network, host, SOCK_STREAM, address, port, text);
}

std::string ask_udp(const Network& network, Host host, const std::string& address,
                    std::uint16_t port, const std::string& text) {
  return ask(network, host, SOCK_DGRAM, address, port, text);
}

int refusal_of_udp(const Network& network, Host host, const std::string& to, std::uint16_t port) {
  int error = 0;
  network.in(host, [&] {
    const Address address = address_of(to, port);
    const int fd = socket(address.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(connect(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0,
          "connect");
    check(send(fd, "hello", 5, 0) == 5, "send");
    static_cast<void>(readable(fd));
    socklen_t size = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    close(fd);
  });
  return error;
}

bool ask_echo(const Network& network, Host host, const std::string& to) {
  bool answered = false;
  network.in(host, [&] {
    const Address address = address_of(to, 0);
    const bool v4 = address.storage.ss_family == AF_INET;
    const int fd = socket(address.storage.ss_family, SOCK_RAW | SOCK_CLOEXEC,
                          v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
    // Type, code, checksum (of ICMPv6 by the kernel), identifier 0x1234, number 1.
    std::vector<std::uint8_t> request{
        static_cast<std::uint8_t>(v4 ? 8 : 128), 0, 0, 0, 0x12, 0x34, 0, 1};
    if (v4) {
      constexpr std::uint16_t kSum = 0x0800 + 0x1234 + 1;
      request[2] = static_cast<std::uint8_t>((0xffff - kSum) >> 8U);
      request[3] = static_cast<std::uint8_t>(0xffff - kSum);
    }
    sendto(fd, request.data(), request.size(), 0,
           reinterpret_cast<const sockaddr*>(&address.storage), address.size);
    std::uint8_t buffer[256];
    while (!answered && readable(fd)) {
      const ssize_t size = recv(fd, buffer, sizeof buffer, 0);
      const std::size_t at = v4 ? 20 : 0;  // IPv4 sockets are given the IP header
      answered = size >= static_cast<ssize_t>(at + 8) && buffer[at] == (v4 ? 0 : 129) &&
                 buffer[at + 4] == 0x12 && buffer[at + 5] == 0x34;
    }
    close(fd);
  });
  return answered;
}

}  // namespace policyc::test
