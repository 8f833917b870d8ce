#pragma once
// Small BPF programs for tests, and objects compiled from policies.

#include <string>
#include <vector>

#include "compiler/backend/backend.h"
#include "loader/bpf/object.h"

namespace policyc::testing {

// from_endpoint and to_endpoint that count frames of the experimental ethertype 0x88b5 in map
// "hits" (element 0 and 1), and let everything pass.
[[nodiscard]] backend::Bytes counting_object();
// Any C against generated.h.
[[nodiscard]] backend::Bytes compile_c(const std::string& text);
inline constexpr std::uint16_t kCountedEtherType = 0x88b5;

// Frames of that type, sent out of an interface of this namespace.
class FrameSender {
 public:
  explicit FrameSender(const std::string& interface);
  // False when the kernel had no room.
  bool send() const;

 private:
  bpf::Fd socket_;
};

// The objects of some policies, as `policyc compile` writes them; an inventory gives one for each
// endpoint in it.
[[nodiscard]] std::vector<backend::Bytes> compile_policies(const std::string& yaml,
                                                           const std::string& inventory = "");

}  // namespace policyc::testing
