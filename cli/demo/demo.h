#pragma once
// `policyc demo`: real policies, real programs, real packets, on a machine that has no cluster.

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace policyc::demo {

struct Options {
  std::vector<std::string> policy_files;  // one's own policies (files, directories, -) instead of
                                          // the demo's; no expectations then
  bool without_l7 = false;                // HTTP rules as plain allows of their ports
};

struct Conclusion {
  enum class Kind : std::uint8_t {
    AsExpected,
    Different,    // a flow, or a reported rule, was not as it has to be; or the user's policies are
                  // refused
    Unavailable,  // no root, no BPF, a tool or a file that is missing
    Bug,
    Interrupted,
  };
  Kind kind = Kind::AsExpected;
  int signal = 0;  // of Interrupted
};

// Runs the demo and takes down everything it made, also when it is interrupted. `err` gets
// diagnostics and errors.
[[nodiscard]] Conclusion run(const Options& options, std::istream& in, std::ostream& out,
                             std::ostream& err);

// Writes the demo's manifests as one YAML stream, each after a comment with its name.
void print_manifests(std::ostream& out);

}  // namespace policyc::demo
