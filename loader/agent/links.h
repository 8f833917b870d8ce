#pragma once
// Interfaces of this network namespace that come and go.

#include <cstdint>
#include <string>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::agent {

// 0: there is none.
[[nodiscard]] std::uint32_t interface_index(const std::string& name);
[[nodiscard]] bool interface_exists(std::uint32_t index);

// Link events of rtnetlink(7).
class LinkWatch {
 public:
  [[nodiscard]] static Result<LinkWatch> open();
  [[nodiscard]] int fd() const { return socket_.get(); }
  // Takes what has been told so far; true when an interface went away, or when events were lost:
  // look at all of them then.
  [[nodiscard]] bool take() const;

 private:
  explicit LinkWatch(bpf::Fd socket) : socket_(std::move(socket)) {}
  bpf::Fd socket_;
};

}  // namespace policyc::agent
