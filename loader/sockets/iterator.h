#pragma once
// Destroys sockets by BPF iterators (runtime/prog/socket_cut.bpf.c). Private to this folder.

#include <cstdint>
#include <utility>

#include "compiler/support/result.h"
#include "loader/bpf/object.h"
#include "loader/sockets/keys.h"

namespace policyc::sockets {

class CutIterator {
 public:
  // An Error where the kernel has no bpf_sock_destroy (before Linux 6.5).
  [[nodiscard]] static Result<CutIterator> load(const Keys& wanted);

  // As destroy_by_netlink(). Goes over the sockets until it finds none: kernels before 6.16 lose
  // their place, and skip some, when sockets go while they iterate.
  [[nodiscard]] Result<Keys> destroy(std::uint8_t protocol) const;

 private:
  [[nodiscard]] Result<Keys> pass(std::uint8_t protocol) const;

  explicit CutIterator(bpf::Object object) : object_(std::move(object)) {}
  bpf::Object object_;
};

}  // namespace policyc::sockets
