#pragma once
// The servers of the demo: every pod answers on the ports of the story. TCP and UDP send back what
// they got; a TCP connection that begins like an HTTP request gets a short HTTP response.

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::demo {

struct Listener {
  int namespace_fd = -1;
  IpAddress address;
  bool udp = false;
  std::uint16_t port = 0;
};

// One thread serves them all until the object dies.
class Servers {
 public:
  [[nodiscard]] static Result<Servers> start(const std::vector<Listener>& listeners);
  Servers(Servers&&) noexcept;
  Servers& operator=(Servers&&) = delete;
  ~Servers();

 private:
  struct Loop;
  explicit Servers(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace policyc::demo
