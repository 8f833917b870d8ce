#pragma once
// A service of two neighbours: its frontend, its backends, and what leaves and reaches the
// endpoints.

#include <string>
#include <vector>

#include "runtime/abi/service.h"
#include "tests/kernel/delivery.h"

namespace policyc::kernel_test {

inline constexpr std::uint16_t kFrontendPort = 8000;
inline constexpr std::uint16_t kBackendPort = 80;  // one that the matrix policy allows
inline constexpr std::uint32_t kService = 1;
inline constexpr std::uint32_t kFrontend = 1;

// An address and port.
struct End {
  std::string address;
  std::uint16_t port = 0;
  friend bool operator==(const End&, const End&) = default;
};

// The node of Delivery with a service per test. Parameter: IP family.
class Services : public Delivery {
 protected:
  void SetUp() override;

  [[nodiscard]] static std::string frontend_ip();
  // A pod of another node, in kAllowedClass; numbers from 0.
  [[nodiscard]] static std::string pod_elsewhere(int number);
  [[nodiscard]] static std::string loopback();
  [[nodiscard]] static End frontend() { return {frontend_ip(), kFrontendPort}; }

  // Gives the service these backends, numbers from 1.
  static void set_backends(const std::vector<End>& ends, std::uint8_t protocol = kTcp);
  static void set_backend(std::uint32_t number, const End& end, policyc_backend_state state,
                          std::uint32_t generation = 1, std::uint8_t protocol = kTcp);
  static void set_frontend(std::uint8_t protocol = kTcp, std::uint32_t affinity_seconds = 0,
                           std::uint16_t port = kFrontendPort);
  // Only its address is a service's.
  static void set_address_only();
  static void set_service_flags(std::uint32_t flags);

  // A packet with right checksums.
  static Bytes packet(const End& from, const End& to, const Layer& transport);
  static Bytes tcp_packet(const End& from, const End& to, std::uint8_t flags);
  static Bytes udp_packet(const End& from, const End& to);
  static End client(Who who = kAlice, std::uint16_t port = kClientPort) {
    return {Neighbours::address(who, family()), port};
  }
  static End source_of(const Bytes& frame) { return end_of(frame, false); }
  static End destination_of(const Bytes& frame) { return end_of(frame, true); }
  static End end_of(const Bytes& frame, bool destination);

  static Neighbours::Ran from(Who who, const Bytes& frame) {
    return node_->run(Hook::FromEndpoint, who, frame);
  }
  static Neighbours::Ran to(Who who, const Bytes& frame) {
    return node_->run(Hook::ToEndpoint, who, frame);
  }
  // The packet arrives changed from one pair of ends to the other, sound, with that action.
  static void expect_ran(const Neighbours::Ran& ran, std::uint32_t action, const End& from,
                         const End& to, bool sound = true);
  static void expect_reason(policyc_drop_reason reason);
};

}  // namespace policyc::kernel_test
