#pragma once
// A private place for tests that touch the kernel: an own network namespace for the process (so
// interfaces vanish with it), and for each test own directories for pins and state.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"
#include "loader/endpoint/paths.h"

namespace policyc::testing {

// The value of a Result, or a failed test.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}
inline void must(Result<void> result) {
  if (!result) throw std::runtime_error(result.error().message);
}

// Runs a command; an exception when it fails.
void shell(const std::string& command);

// An IPv6 address of the loopback interface of this network namespace. Returns when packets reach
// it: the kernel makes its route later, in its own time.
void add_loopback6(const std::string& address);

class KernelTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();  // needs root
  void SetUp() override;
  void TearDown() override;

  endpoint::Paths paths_;
};

// A veth pair: `host` here, the other end as eth0 in a network namespace of its own.
class Pod {
 public:
  // `address` is the pod's; everything else is reached through the host side.
  Pod(std::string host, std::string address);
  ~Pod();
  Pod(const Pod&) = delete;
  Pod& operator=(const Pod&) = delete;

  [[nodiscard]] const std::string& host() const { return host_; }
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] std::uint32_t index() const;
  // A second address of the pod, of IPv6; `peers` are the IPv6 addresses that it reaches.
  void add_address6(const std::string& address, const std::vector<std::string>& peers) const;
  // Does something on a thread in the pod's namespace, whose sockets stay there.
  void inside(const std::function<void()>& action) const;
  // A UDP socket in the pod's namespace, bound to its address.
  [[nodiscard]] bpf::Fd udp_socket(std::uint16_t port) const;
  // A datagram from `source` (an address of the host) arrives at the pod's port.
  [[nodiscard]] bool reached_from(const std::string& source, std::uint16_t port) const;
  // A datagram of the pod arrives at the host's address and port.
  [[nodiscard]] bool reaches(const std::string& destination, std::uint16_t port) const;

 private:
  std::string host_;
  std::string address_;
  bpf::Fd network_;
};

// An address of the host, on its loopback interface.
void add_host_address(const std::string& address);
[[nodiscard]] bpf::Fd host_udp_socket(const std::string& address, std::uint16_t port);
void send_datagram(const bpf::Fd& socket, const std::string& destination, std::uint16_t port);
// Whether a datagram arrives within a third of a second.
[[nodiscard]] bool receives(const bpf::Fd& socket);
// Takes the next datagram and returns the address it came from; empty when none arrives in that
// time.
[[nodiscard]] std::string sender_of_next(const bpf::Fd& socket);

}  // namespace policyc::testing
