#include "tests/unit/loader/socket_world.h"

#include <cerrno>
#include <exception>
#include <fstream>
#include <ostream>
#include <thread>

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loader/bpf/bpffs.h"
#include "loader/sockets/cgroup.h"
#include "loader/sockets/sockets.h"
#include "runtime/abi/abi.h"

namespace policyc::testing {
namespace {

constexpr int kArrivalMilliseconds = 1000;

sockaddr_storage to_address(const SocketKind& kind, const Peer& peer, socklen_t& length) {
  sockaddr_storage result{};
  int status = 0;
  if (!kind.ipv6_socket) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(result);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(peer.port);
    status = inet_pton(AF_INET, peer.address.c_str(), &v4.sin_addr);
    length = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(result);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(peer.port);
    const std::string text = peer.is6() ? peer.address : "::ffff:" + peer.address;
    status = inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr);
    length = sizeof v6;
  }
  if (status != 1) throw std::runtime_error("not an address: " + peer.address);
  return result;
}

int errno_of(long status) { return status < 0 ? errno : 0; }

void fill_address(std::uint8_t (&bytes)[16], const Peer& peer) {
  if (inet_pton(peer.is6() ? AF_INET6 : AF_INET, peer.address.c_str(), bytes) != 1)
    throw std::runtime_error("not an address: " + peer.address);
}

template <class Key>
Key lookup_key(const Peer& peer, std::uint8_t protocol) {
  Key key{};
  std::uint8_t bytes[16] = {};
  fill_address(bytes, peer);
  std::memcpy(&key.address, bytes, sizeof key.address);
  key.port = htons(peer.port);
  key.protocol = protocol;
  return key;
}

bpf::MapHandle open_map(const std::filesystem::path& maps, const std::string& name) {
  return {name, must(bpf::open_pinned(maps / name))};
}

std::string own_cgroup() {
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  throw std::runtime_error("no cgroup2");
}

void enter(const std::filesystem::path& cgroup) {
  std::ofstream file(cgroup / "cgroup.procs");
  file << ::getpid() << std::endl;
  if (!file) throw std::runtime_error("cannot enter " + cgroup.string());
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Peer& peer) {
  return out << '[' << peer.address << "]:" << peer.port;
}

std::ostream& operator<<(std::ostream& out, const SocketKind& kind) { return out << kind.name; }

std::vector<SocketKind> socket_kinds() {
  std::vector<SocketKind> kinds;
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    const std::string protocol = type == SOCK_STREAM ? "tcp" : "udp";
    kinds.push_back({protocol + "4", false, false, type});
    kinds.push_back({protocol + "6", true, true, type});
    kinds.push_back({protocol + "4_mapped", true, false, type});
  }
  return kinds;
}

Socket::Socket(SocketKind kind, int flags)
    : kind_(std::move(kind)),
      fd_(::socket(kind_.ipv6_socket ? AF_INET6 : AF_INET, kind_.type | flags | SOCK_CLOEXEC, 0)) {
  if (!fd_.valid()) throw std::runtime_error("no socket");
}

int Socket::bind(const Peer& peer) const {
  socklen_t length = 0;
  const auto address = to_address(kind_, peer, length);
  return errno_of(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length));
}

int Socket::listen() const { return errno_of(::listen(fd_.get(), SOMAXCONN)); }

int Socket::connect(const Peer& peer) const {
  socklen_t length = 0;
  const auto address = to_address(kind_, peer, length);
  return errno_of(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), length));
}

int Socket::send_to(const Peer& peer, const std::string& text) const {
  socklen_t length = 0;
  const auto address = to_address(kind_, peer, length);
  return errno_of(::sendto(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address), length));
}

int Socket::send(const std::string& text) const {
  return errno_of(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL));
}

Peer Socket::to_peer(const sockaddr_storage& address) const {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return {text, ntohs(v4.sin_port)};
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  const std::string name = text;
  const std::string mapped = "::ffff:";
  return {name.starts_with(mapped) ? name.substr(mapped.size()) : name, ntohs(v6.sin6_port)};
}

Peer Socket::peer() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  return to_peer(address);
}

Peer Socket::local() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  return to_peer(address);
}

Socket::Datagram Socket::receive() const {
  pollfd waiting{fd_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, kArrivalMilliseconds) != 1) return {};
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  std::array<char, 256> text{};
  const auto got = ::recvfrom(fd_.get(), text.data(), text.size(), MSG_DONTWAIT,
                              reinterpret_cast<sockaddr*>(&address), &length);
  if (got < 0) return {};
  return {to_peer(address), std::string(text.data(), static_cast<std::size_t>(got))};
}

std::uint64_t Socket::cookie() const {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0)
    throw std::runtime_error("no cookie");
  return cookie;
}

void in_new_namespace(const std::function<void()>& action) {
  std::exception_ptr failed;
  std::thread worker([&] {
    try {
      if (::unshare(CLONE_NEWNET) != 0) throw std::runtime_error("no network namespace");
      shell("ip link set lo up");
      action();
    } catch (...) {
      failed = std::current_exception();
    }
  });
  worker.join();
  if (failed) std::rethrow_exception(failed);
}

ServiceTable::ServiceTable(const std::filesystem::path& maps)
    : reverse(open_map(maps, "socket_reverse")),
      backends(open_map(maps, "backends")),
      frontends(open_map(maps, "frontends")),
      frontends4_(open_map(maps, "frontends4")),
      frontends6_(open_map(maps, "frontends6")),
      services_(open_map(maps, "services")),
      slots_(open_map(maps, "slots")),
      ipcache4_(open_map(maps, "ipcache4")),
      ipcache6_(open_map(maps, "ipcache6")) {}

void ServiceTable::set_backend(std::uint32_t number, std::uint32_t service, const Peer& peer,
                               std::uint8_t protocol, std::uint8_t state,
                               std::uint32_t generation) const {
  backend_value value{};
  fill_address(value.address, peer);
  value.port = htons(peer.port);
  value.protocol = protocol;
  value.family = peer.is6() ? 6 : 4;
  value.state = state;
  value.generation = generation;
  value.service = service;
  must(backends.update(number, value));
}

void ServiceTable::set_service(std::uint32_t service,
                               const std::vector<std::uint32_t>& backend_numbers) const {
  constexpr std::uint32_t kSlots = 16;
  for (std::uint32_t i = 0; i < backend_numbers.size(); ++i)
    must(slots_.update(kSlots * service + i, backend_numbers[i]));
  must(services_.update(service,
                        {kSlots * service, static_cast<std::uint32_t>(backend_numbers.size())}));
}

void ServiceTable::set_frontend(std::uint32_t number, const Peer& peer, std::uint8_t protocol,
                                const frontend_value& value) const {
  frontend_address address{};
  fill_address(address.address, peer);
  address.port = htons(peer.port);
  address.protocol = protocol;
  address.family = peer.is6() ? 6 : 4;
  address.flags = value.flags;
  must(frontends.update(number, address));
  frontend_value numbered = value;
  numbered.frontend = number;
  set_lookup(peer, protocol, numbered);
}

void ServiceTable::set_lookup(const Peer& peer, std::uint8_t protocol,
                              const frontend_value& value) const {
  if (peer.is6()) {
    const auto key = lookup_key<frontend6_key>(peer, protocol);
    must(frontends6_.update_raw(&key, &value, BPF_ANY));
  } else {
    const auto key = lookup_key<frontend4_key>(peer, protocol);
    must(frontends4_.update_raw(&key, &value, BPF_ANY));
  }
}

void ServiceTable::erase_lookup(const Peer& peer, std::uint8_t protocol) const {
  if (peer.is6()) {
    const auto key = lookup_key<frontend6_key>(peer, protocol);
    must(frontends6_.erase_raw(&key));
  } else {
    const auto key = lookup_key<frontend4_key>(peer, protocol);
    must(frontends4_.erase_raw(&key));
  }
}

void ServiceTable::set_identity(const std::string& address, std::uint32_t identity) const {
  std::uint8_t bytes[16] = {};
  const Peer peer{address, 0};
  fill_address(bytes, peer);
  ipcache_value value{};
  value.identity = identity;
  must((peer.is6() ? ipcache6_ : ipcache4_).update_raw(bytes, &value, BPF_ANY));
}

void SocketTest::SetUp() {
  KernelTest::SetUp();
  const auto root = must(sockets::root_cgroup());
  previous_ = root.string() + own_cgroup();
  cgroup_ = root / paths_.bpffs.filename();
  std::filesystem::create_directory(cgroup_);
  attach();
  table_.emplace(paths_.maps());
  enter(cgroup_);
}

void SocketTest::TearDown() {
  enter(previous_);
  table_.reset();
  must(sockets::detach(paths_.bpffs));
  std::filesystem::remove(cgroup_);
  KernelTest::TearDown();
}

void SocketTest::attach() { must(sockets::attach(paths_.bpffs, cgroup_)); }

}  // namespace policyc::testing
