#pragma once
// A node with socket load balancing for one cgroup, which the test's process is in while it runs,
// and tables of services written by hand.

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <netinet/in.h>

#include "loader/bpf/map.h"
#include "runtime/abi/service.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {

// An address and port of either family.
struct Peer {
  std::string address;
  std::uint16_t port = 0;

  [[nodiscard]] bool is6() const { return address.find(':') != std::string::npos; }
  friend bool operator==(const Peer&, const Peer&) = default;
};
std::ostream& operator<<(std::ostream& out, const Peer& peer);

// How a process reaches a peer.
struct SocketKind {
  std::string name;
  bool ipv6_socket = false;
  bool ipv6_peer = false;  // else an IPv6 socket names ::ffff:a.b.c.d
  int type = SOCK_STREAM;

  [[nodiscard]] std::uint8_t protocol() const {
    return type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
  }
};
std::ostream& operator<<(std::ostream& out, const SocketKind& kind);
// IPv4, IPv6, IPv4 by IPv6 sockets; TCP and UDP.
[[nodiscard]] std::vector<SocketKind> socket_kinds();

// A socket with calls that give errno (0: fine) or what the process sees.
class Socket {
 public:
  explicit Socket(SocketKind kind, int flags = 0);

  [[nodiscard]] const bpf::Fd& fd() const { return fd_; }
  [[nodiscard]] int bind(const Peer& peer) const;
  [[nodiscard]] int listen() const;
  [[nodiscard]] int connect(const Peer& peer) const;
  [[nodiscard]] int send_to(const Peer& peer, const std::string& text) const;
  [[nodiscard]] int send(const std::string& text) const;
  [[nodiscard]] Peer peer() const;   // getpeername(2)
  [[nodiscard]] Peer local() const;  // getsockname(2)
  // The next datagram, waiting a while: who sent it, and its text; an empty address when none came.
  struct Datagram {
    Peer sender;
    std::string text;
  };
  [[nodiscard]] Datagram receive() const;
  [[nodiscard]] std::uint64_t cookie() const;
  void close() { fd_.reset(); }

 private:
  [[nodiscard]] Peer to_peer(const sockaddr_storage& address) const;
  SocketKind kind_;
  bpf::Fd fd_;
};

// Does something on a thread in a network namespace of its own, whose loopback interface is up.
void in_new_namespace(const std::function<void()>& action);

// Writes the maps of services as a manager of services would.
class ServiceTable {
 public:
  explicit ServiceTable(const std::filesystem::path& maps);

  void set_backend(std::uint32_t number, std::uint32_t service, const Peer& peer,
                   std::uint8_t protocol, std::uint8_t state = BACKEND_ACTIVE,
                   std::uint32_t generation = 1) const;
  // Slots from 16 * `service` on.
  void set_service(std::uint32_t service, const std::vector<std::uint32_t>& backend_numbers) const;
  void set_frontend(std::uint32_t number, const Peer& peer, std::uint8_t protocol,
                    const frontend_value& value) const;
  // The same without the entry in "frontends".
  void set_lookup(const Peer& peer, std::uint8_t protocol, const frontend_value& value) const;
  void erase_lookup(const Peer& peer, std::uint8_t protocol) const;
  void set_identity(const std::string& address, std::uint32_t identity) const;

  bpf::Map<socket_reverse_key, socket_reverse_value> reverse;
  bpf::Map<std::uint32_t, backend_value> backends;
  bpf::Map<std::uint32_t, frontend_address> frontends;

 private:
  bpf::MapHandle frontends4_;
  bpf::MapHandle frontends6_;
  bpf::Map<std::uint32_t, service_value> services_;
  bpf::Map<std::uint32_t, std::uint32_t> slots_;
  bpf::MapHandle ipcache4_;
  bpf::MapHandle ipcache6_;
};

class SocketTest : public KernelTest {
 protected:
  void SetUp() override;
  void TearDown() override;

  void attach();
  // Entries of socket_reverse.
  [[nodiscard]] std::size_t remembered() const { return must(table_->reverse.entries()).size(); }

  std::filesystem::path cgroup_;
  std::optional<ServiceTable> table_;

 private:
  std::string previous_;  // cgroup of the test's process
};

}  // namespace policyc::testing
