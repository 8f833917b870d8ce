#pragma once
// Translation validation: every decision of a compiled object against the reference evaluator, for
// every atom (peer class, protocol, port class, family, direction) of the policies it was compiled
// from. Atoms come from the resolved entries; the object adds only its own port edges and tells
// peers apart where the entries do not. See docs/verify.md.

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "compiler/ir/shape.h"
#include "compiler/support/result.h"
#include "compiler/verify/subjects.h"

namespace policyc::verify {

struct Question {
  std::size_t direction = 0;  // policyc_direction: 0 ingress, 1 egress
  std::uint8_t protocol = 6;  // IP protocol number
  std::uint16_t port = 0;     // host order; ICMP type
  bool ipv6 = false;
};

// What the object under test answers to a peer with these labels: a POLICYC_DECISION for each
// question, or an Error when it did something else than it reported. An outer Error: nothing could
// be asked.
using Program = std::function<Result<std::vector<Result<std::uint32_t>>>(
    const policy::LabelSet& peer, std::span<const Question> questions)>;

struct Limits {
  std::size_t max_peers = 65536;  // for each enumeration of states, see Report::left_out
  std::size_t max_findings = 20;  // kept; all are counted
};

struct Finding {
  Question question;
  std::string peer;      // its labels, and the address if it is one
  std::string problem;   // "another verdict"
  std::string expected;  // what the evaluator says, with its rules
  std::string actual;    // what the program did, with its rule
};

struct Report {
  std::string subject;
  std::array<std::size_t, 2> peers{};  // peer classes asked, for each direction
  std::array<std::size_t, 2> ports{};  // (protocol, port) pairs asked, for each direction
  std::size_t atoms = 0;
  std::size_t left_out = 0;  // peer states beyond the limit, at least
  std::size_t stricter =
      0;  // of the atoms: the program asks for authentication, the agent would not
  std::size_t found = 0;
  std::vector<Finding> findings;

  [[nodiscard]] bool agrees() const { return found == 0; }
};

// `shape` describes the object and is what the program was loaded under.
[[nodiscard]] Result<Report> verify(const Model& model, const Subject& subject,
                                    const ir::Shape& shape, const Program& program,
                                    const Limits& limits);

}  // namespace policyc::verify
