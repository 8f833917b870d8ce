#pragma once
// The datapath with a stub policy in a slot, loaded into the running kernel, for BPF_PROG_TEST_RUN.
// Interface 1 (loopback, what test runs say) is the endpoint: kLocal4, kLocal6. Needs root.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/events/ring.h"
#include "runtime/abi/abi.h"
#include "tests/kernel/packet.h"
#include "tests/support/connection_entries.h"

namespace policyc::kernel_test {

enum class Hook : std::uint8_t { FromEndpoint, ToEndpoint };

inline constexpr const char* kLocal4 = "10.0.0.10";
inline constexpr const char* kRemote4 = "10.0.0.20";
inline constexpr const char* kLocal6 = "fd00::10";
inline constexpr const char* kRemote6 = "fd00::20";
inline constexpr std::uint32_t kLoopback = 1;
inline constexpr std::uint32_t kLocalIdentity = 5001;
inline constexpr std::uint32_t kRemoteIdentity = 5002;
inline constexpr std::uint16_t kEndpointId = 42;
inline constexpr std::uint32_t kSlot = 1;               // of the first policy
inline constexpr std::uint32_t kShapeTag = 0x3a721c00;  // the endpoint's is this plus its slot

// The stub policies of tests/kernel/policies.
enum class Policy : std::uint8_t { AllowAll, DenyAll, Matrix };

// Classes of policies/matrix.bpf.c.
inline constexpr std::uint32_t kAllowedClass = 1;  // TCP 80, UDP 53, SCTP 3868, echo request, VRRP
inline constexpr std::uint32_t kDeniedClass = 2;   // denied by rule 21
inline constexpr std::uint32_t kRedirectedClass = 3;     // rule 31
inline constexpr std::uint32_t kNegativeClass = 4;       // the function returns a negative number
inline constexpr std::uint32_t kNonsenseClass = 5;       // ... a verdict that does not exist
inline constexpr std::uint32_t kAuthenticatedClass = 6;  // rule 61
inline constexpr std::uint32_t kAuditedClass = 8;       // denied in audit mode: services by rule 81
inline constexpr std::uint32_t kAuditedAllowClass = 9;  // an allow in audit mode: not understood
inline constexpr std::uint32_t kUnknownClass = 1U << 20;

struct RunOptions {
  std::uint32_t repeat = 1;
  std::uint32_t interface_index = 0;  // 0: as test runs have it
};
struct RunResult {
  std::uint32_t action = 0;
  std::uint32_t nanoseconds = 0;  // per repeat
};

class Datapath {
 public:
  // The policy in kSlot. `adjust` may change the datapath's object before it is loaded. Throws
  // std::runtime_error.
  explicit Datapath(Policy policy, const std::function<void(bpf_object*)>& adjust = {});
  // As above with an endpoint, a node configuration (epoch 1) and both peers in kAllowedClass.
  static std::unique_ptr<Datapath> ready(Policy policy,
                                         const std::function<void(bpf_object*)>& adjust = {});

  // Loads another policy into a slot. Its programs and maps are found before those of lower slots.
  void add_policy(Policy policy, std::uint32_t slot);

  [[nodiscard]] int program(Hook hook) const;
  [[nodiscard]] int program(const char* name) const;
  [[nodiscard]] int map(const char* name) const;
  // The datapath's, then those of the policies.
  [[nodiscard]] std::vector<bpf_object*> objects() const;

  RunResult run(int program_fd, const Bytes& packet, RunOptions options = {}) const;
  RunResult run(Hook hook, const Bytes& packet, RunOptions options = {}) const {
    return run(program(hook), packet, options);
  }

  template <typename Key, typename Value>
  void put(const char* name, const Key& key, const Value& value) {
    check(bpf_map_update_elem(map(name), &key, &value, BPF_ANY), name);
  }
  template <typename Value, typename Key>
  [[nodiscard]] std::optional<Value> get(const char* name, const Key& key) const {
    Value value{};
    if (bpf_map_lookup_elem(map(name), &key, &value) != 0) return std::nullopt;
    return value;
  }

  void erase(const char* name, std::uint32_t key);

  void set_endpoint(std::uint16_t flags = 0, std::uint32_t slot = kSlot);
  void set_config(std::uint32_t flags = 0, std::uint32_t epoch = 1);
  void set_peer(const char* address, std::uint32_t peer_class,
                std::uint32_t identity = kRemoteIdentity);
  void set_prefix(const char* address, std::uint32_t length, std::uint32_t peer_class,
                  std::uint32_t identity);

  [[nodiscard]] std::vector<event> drain_events();
  // Events that the rate limit kept from being written.
  [[nodiscard]] std::uint64_t limited_events() const;
  [[nodiscard]] metrics_value metric(policyc_drop_reason reason, policyc_direction direction) const;
  [[nodiscard]] metrics_value forwarded(policyc_direction direction) const;
  [[nodiscard]] traffic_value traffic(std::uint16_t endpoint_id, policyc_direction direction) const;
  // What a rule decided, wherever it is counted.
  [[nodiscard]] metrics_value rule_hits(const rule_hit_key& key) const;
  // The only entry of a connection table; nullopt if there is none. Fails the test if there are
  // more.
  [[nodiscard]] std::optional<ct_value> connection(int family) const;
  [[nodiscard]] std::size_t connections() const;
  // The kernel's clock in ticks, that of ct_value::expires; by the program ct_collect.
  [[nodiscard]] std::uint64_t ticks_now() const;
  // The tables of connections, by key.
  [[nodiscard]] const test_support::ConnectionEntries4& entries4() const { return *entries4_; }
  [[nodiscard]] const test_support::ConnectionEntries6& entries6() const { return *entries6_; }
  // Changes that entry.
  void edit_connection(int family, const std::function<void(ct_value&)>& edit);

 private:
  static void check(int error, const char* what);
  void seed_connections();

  struct Closer {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
  };
  std::unique_ptr<bpf_object, Closer> object_;
  std::unique_ptr<bpf_object, Closer> bench_;
  std::map<std::uint32_t, std::unique_ptr<bpf_object, Closer>> policies_;  // by slot
  std::optional<events::Ring> ring_;
  std::optional<test_support::ConnectionEntries4> entries4_;
  std::optional<test_support::ConnectionEntries6> entries6_;
};

// Makes its tables of connections as large as that, before it is loaded.
void set_connections(bpf_object* object, std::uint32_t connections);

// Sets a constant of the datapath (runtime/include/base.h) before it is loaded.
void set_constant(bpf_object* object, const char* name, std::uint32_t value);

// CLOCK_MONOTONIC_COARSE in nanoseconds.
[[nodiscard]] std::uint64_t coarse_now();

// CONFIG_HZ.
[[nodiscard]] std::uint64_t ticks_per_second();

}  // namespace policyc::kernel_test
