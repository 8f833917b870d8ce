#pragma once
// One service at a time, of the family and protocol that the test is about, with backends that are
// servers of the test's network namespace.

#include <thread>

#include "tests/unit/loader/socket_world.h"

namespace policyc::testing {

// Listens at an address until it goes.
class Server {
 public:
  Server(const SocketKind& kind, const Peer& peer);
  // The text of the first message of the next client.
  [[nodiscard]] std::string receive() const;
  [[nodiscard]] const Socket& socket() const { return socket_; }

 private:
  SocketKind kind_;
  Socket socket_;
};

class ServicesTest : public SocketTest, public ::testing::WithParamInterface<SocketKind> {
 protected:
  static constexpr std::uint32_t kFrontend = 9;
  static constexpr std::uint32_t kService = 5;

  void SetUp() override;

  [[nodiscard]] bool v6() const { return GetParam().ipv6_peer; }
  [[nodiscard]] Peer frontend() const { return {v6() ? "fd96::1" : "10.96.0.1", 80}; }
  // Backends 0 to 3.
  [[nodiscard]] Peer backend(std::uint32_t index) const {
    return {(v6() ? "fd77::" : "10.77.0.") + std::to_string(index + 1),
            static_cast<std::uint16_t>(8080 + index)};
  }
  [[nodiscard]] static std::uint32_t number(std::uint32_t index) { return 100 + index; }
  [[nodiscard]] Server serve(const Peer& peer) const { return {server_kind(), peer}; }
  [[nodiscard]] SocketKind server_kind() const { return {"server", v6(), v6(), GetParam().type}; }

  // The frontend with the backends of these indices, for clients inside of the cluster.
  void make_service(const std::vector<std::uint32_t>& indices, std::uint32_t flags = 0,
                    std::uint32_t affinity_seconds = 0) const;
  void list_backends(const std::vector<std::uint32_t>& indices) const;
};

}  // namespace policyc::testing
