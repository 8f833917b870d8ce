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

  // As destroy_by_netlink().
  [[nodiscard]] Result<CutKeys> destroy(std::uint8_t protocol) const;

 private:
  explicit CutIterator(bpf::Object object) : object_(std::move(object)) {}
  bpf::Object object_;
};

}  // namespace policyc::sockets
