#pragma once
// Interfaces of this network namespace that come and go, and their queues.

#include <cstdint>
#include <map>
#include <string>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::agent {

// 0: there is none.
[[nodiscard]] std::uint32_t interface_index(const std::string& name);
[[nodiscard]] bool interface_exists(std::uint32_t index);

// What happened to interfaces.
struct LinkNews {
  bool went = false;  // one at least
  bool lost = false;  // and more that is not told: look at all of them
  // By index, those whose queues changed; true: it has one, false: it may have none any more.
  std::map<std::uint32_t, bool> queues;
};

// Link and queue events of rtnetlink(7).
class LinkWatch {
 public:
  [[nodiscard]] static Result<LinkWatch> open();
  [[nodiscard]] int fd() const { return socket_.get(); }
  // What has been told since the last time.
  [[nodiscard]] LinkNews take() const;

 private:
  explicit LinkWatch(bpf::Fd socket) : socket_(std::move(socket)) {}
  bpf::Fd socket_;
};

}  // namespace policyc::agent
