#pragma once
// What happens to an endpoint, step by step, and its text form, one step to a line
// (testdata/packets):
//   # a comment
//   sequence a name of several words     each begins from an empty node
//   settings policy=matrix audit=0 extended=1 prefixes=none epoch=1
//   peer 10.0.0.20 2                     class of an address in the IP cache
//   age 65                               seconds pass
//   from_endpoint 0200... pass           a frame in hex; `gso`: it stands for several; what must
//   come of it, if to_endpoint gso 0200... TRUNCATED    it is known: `pass` or a name from
//   runtime/abi/drop_reasons.def

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tests/kernel/datapath.h"

namespace policyc::packet_fuzz {

using kernel_test::Bytes;
using kernel_test::Hook;
using kernel_test::Policy;

struct Settings {
  Policy policy = Policy::Matrix;
  bool audit = false;
  bool extended = false;   // other IP protocols
  bool prefixes4 = false;  // text: prefixes=none, 4, 6, both
  bool prefixes6 = false;
  std::uint32_t epoch = 1;
};
struct PeerClass {
  std::string address;
  std::uint32_t peer_class = 0;
};
struct Age {
  std::uint64_t seconds = 0;
};
struct Packet {
  Hook hook = Hook::FromEndpoint;
  Bytes frame;
  bool gso = false;
  std::optional<policyc_drop_reason> expected = {};  // DROP_NONE: passes
};
using Step = std::variant<Settings, PeerClass, Age, Packet>;
using Sequence = std::vector<Step>;

[[nodiscard]] std::string reason_name(policyc_drop_reason reason);  // "pass" for DROP_NONE
struct NamedSequence {
  std::string name;
  Sequence steps;
};

[[nodiscard]] std::string to_text(const Step& step);
[[nodiscard]] std::string to_text(const NamedSequence& sequence);
// Throws std::runtime_error with the number of the line that it does not understand.
[[nodiscard]] std::vector<NamedSequence> from_text(const std::string& text);

}  // namespace policyc::packet_fuzz
