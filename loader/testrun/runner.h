#pragma once
// Asks compiled objects for verdicts by running them in the kernel on synthesised packets
// (BPF_PROG_TEST_RUN), with maps of their own: nothing is attached or pinned. Needs root.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "compiler/ir/shape.h"
#include "compiler/policy/labels.h"
#include "compiler/support/result.h"

namespace policyc::testrun {

struct Question {
  std::size_t direction = 0;  // policyc_direction: 0 ingress, 1 egress
  std::uint8_t protocol = 6;
  std::uint16_t port = 0;  // host order; ICMP type
  bool ipv6 = false;       // ICMP and ICMPv6 choose for themselves
};

// One set of node maps; shapes are loaded on first use and the most recent ones kept. Not
// thread-safe.
class Runner {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Runner>> create();
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  [[nodiscard]] bool has(const std::string& shape_hash) const;
  [[nodiscard]] Result<void> load(const ir::Shape& shape, std::span<const std::uint8_t> object);
  // The shape must have been loaded. The packet is one of a new connection with a peer of these
  // labels. Gives the POLICYC_DECISION of the event; an Error when the program did something else
  // than it reported.
  [[nodiscard]] Result<std::uint32_t> ask(const std::string& shape_hash,
                                          const policy::LabelSet& peer, const Question& question);

 private:
  struct Impl;
  explicit Runner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace policyc::testrun
