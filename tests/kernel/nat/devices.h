#pragma once
// The programs of a node's devices for BPF_PROG_TEST_RUN, in a network namespace of their own with
// routes and neighbours:
//
//   client (outside) - front | node | back - router - backends (other nodes)
//                              |
//                             pod (an endpoint of this node)
// Needs root.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/events/ring.h"
#include "runtime/abi/abi.h"
#include "runtime/abi/nat.h"
#include "runtime/abi/service.h"
#include "tests/kernel/nat/checksums.h"
#include "tests/kernel/neighbours.h"
#include "tests/support/connection_entries.h"

namespace policyc::kernel_test {

inline constexpr std::uint32_t kPass = static_cast<std::uint32_t>(POLICYC_PASS),
                               kDrop = POLICYC_DROP, kRedirect = 7;

// One end of a packet: an address of either family, and a port.
struct End {
  std::string v4;
  std::string v6;
  std::uint16_t port = 0;

  [[nodiscard]] const std::string& address(int family) const { return family == 4 ? v4 : v6; }
  [[nodiscard]] End at(std::uint16_t other_port) const { return {v4, v6, other_port}; }
  friend bool operator==(const End&, const End&) = default;
};
inline const End kClient{"198.51.100.9", "2001:db8:1::9", 5555};
inline const End kOtherClient{"198.51.100.10", "2001:db8:1::10", 5555};
inline const End kNodeFront{"198.51.100.1", "2001:db8:1::1", 0};
inline const End kNodeBack{"10.10.0.1", "fd10::1", 0};
inline const End kFrontend{"192.0.2.80", "2001:db8:80::1", 80};
inline const End kBackend{"10.20.0.7", "fd20::7", 8080};        // on another node
inline const End kSecondBackend{"10.20.0.8", "fd20::8", 8080};  // too
inline const End kPod{"10.30.0.5", "fd30::5", 9090};            // on this node
inline const End kOtherPod{"10.30.0.6", "fd30::6", 9090};       // too
inline const End kRouter{"10.10.0.2", "fd10::2", 0};
// What the pod sees in the place of kClient when it is of the other family.
inline const End kInside{"169.254.42.2", "64:ff9b:1:42::c633:6409", 0};

enum class Device : std::uint8_t { Front, Back };

struct Passed {
  std::uint32_t action = 0;
  Bytes frame;             // as the program left it
  std::uint32_t mark = 0;  // skb->mark
};

// What a frame says of its ends.
struct Ends {
  End source;
  End destination;
};

class Devices {
 public:
  static constexpr std::uint32_t kFrontendNumber = 7, kService = 3;
  static constexpr std::uint16_t kMtu = 1500;

  Devices();

  [[nodiscard]] int map(const char* name) const;
  [[nodiscard]] int program(const char* name) const;
  [[nodiscard]] std::vector<bpf_object*> objects() const { return {object_.get(), xdp_.get()}; }
  template <typename Key, typename Value>
  void put(const char* name, const Key& key, const Value& value) {
    ASSERT_EQ(bpf_map_update_elem(map(name), &key, &value, BPF_ANY), 0) << name;
  }
  [[nodiscard]] std::uint32_t index(Device device) const {
    return device == Device::Front ? front_ : back_;
  }

  // No connections; services on both devices, masquerade on Front, no frontend, the pod enforced.
  void reset();
  void set_device(Device device, const device_value& value) {
    put("devices", index(device), value);
  }
  [[nodiscard]] static device_value device_of(Device device, std::uint32_t flags);

  // A frontend of both families and these protocols at kFrontend with those backends; number 1 is
  // the first one. With FRONTEND_OTHER_FAMILY each family has the other one's.
  struct Backend {
    End end;
    std::uint8_t flags = 0;
    std::uint8_t state = BACKEND_ACTIVE;
  };
  void set_frontend(std::uint32_t flags, const std::vector<Backend>& backends,
                    std::uint32_t affinity_seconds = 0);
  void set_backend(std::uint32_t number, int family, const Backend& backend,
                   std::uint32_t generation = 1);
  void set_service_flags(std::uint32_t flags);
  void set_pod(std::uint16_t flags);
  // An entry of an endpoint's connection.
  void set_connection(const ct4_key& key, const ct_value& value) const {
    ASSERT_TRUE(entries4_->put(key, value));
  }
  void set_connection(const ct6_key& key, const ct_value& value) const {
    ASSERT_TRUE(entries6_->put(key, value));
  }
  void set_identity(const End& end, std::uint32_t identity, std::uint32_t interface_index = 0);

  [[nodiscard]] Passed run(const char* program, Device device, const Bytes& frame,
                           std::uint32_t mark = 0) const;
  [[nodiscard]] Passed in(Device device, const Bytes& frame) const {
    return run("from_device", device, frame);
  }
  // By the program of XDP.
  [[nodiscard]] Passed xdp(Device device, const Bytes& frame) const;
  [[nodiscard]] Passed out(Device device, const Bytes& frame, std::uint32_t mark = 0) const {
    return run("to_device", device, frame, mark);
  }

  // The element of the packet's tuple; `icmp_id` for echo.
  [[nodiscard]] std::optional<nat_state> element(int family, std::uint8_t protocol,
                                                 const End& source, const End& destination) const;
  // Changes its state, or removes it with null.
  void edit(int family, std::uint8_t protocol, const End& source, const End& destination,
            const std::function<void(nat_state&)>& change) const;
  void erase(int family, std::uint8_t protocol, const End& source, const End& destination) const;
  [[nodiscard]] std::size_t elements(int family) const;
  [[nodiscard]] std::uint64_t tries(std::uint32_t slot) const;
  [[nodiscard]] std::uint64_t now() const;
  // The reasons of drops since the last call.
  [[nodiscard]] std::vector<int> drops();

 private:
  struct Closer {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
  };
  OwnNetwork network_;
  std::uint32_t front_ = 0, back_ = 0, pod_ = 0;
  std::unique_ptr<bpf_object, Closer> object_;
  std::unique_ptr<bpf_object, Closer> xdp_;
  std::optional<test_support::ConnectionEntries4> entries4_;
  std::optional<test_support::ConnectionEntries6> entries6_;
  std::optional<events::Ring> ring_;
};

[[nodiscard]] Ends ends_of(const Bytes& frame);
// With every checksum right.
[[nodiscard]] Bytes packet_of(int family, const End& source, const End& destination,
                              Layer transport, std::size_t payload = 16, std::uint8_t hops = 64);
[[nodiscard]] Bytes tcp_of(int family, const End& source, const End& destination,
                           std::uint8_t flags, std::size_t payload = 16);
[[nodiscard]] Bytes udp_of(int family, const End& source, const End& destination,
                           std::size_t payload = 16);
[[nodiscard]] std::uint8_t hops_of(const Bytes& frame);

// The same node for a whole suite; each test begins with nothing. Parameter: IP family.
class DeviceTest : public testing::TestWithParam<int> {
 protected:
  static void SetUpTestSuite() { node_ = std::make_unique<Devices>(); }
  static void TearDownTestSuite() { node_.reset(); }
  void SetUp() override { node_->reset(); }
  static int family() { return GetParam(); }
  static Devices& node() { return *node_; }
  // An end as a frame of the family says it.
  static End seen(const End& end) {
    return family() == 4 ? End{end.v4, "", end.port} : End{"", end.v6, end.port};
  }
  static void expect_drop(const Passed& passed, policyc_drop_reason reason);

 private:
  static std::unique_ptr<Devices> node_;
};

}  // namespace policyc::kernel_test
