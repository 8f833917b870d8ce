#pragma once
// Compiles the policies for the demo's pods and puts the programs on their interfaces.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/demo/topology.h"
#include "compiler/driver/compilation.h"
#include "compiler/support/result.h"
#include "loader/endpoint/load.h"
#include "loader/endpoint/paths.h"

namespace policyc::demo {

struct CompiledPolicy {
  ir::Shape shape;
  std::vector<std::string> users;  // "demo/frontend"
  driver::CompiledObject object;
  double milliseconds = 0;  // emit, compile
};

// What came of one set of policies.
struct Build {
  std::shared_ptr<driver::Compilation> compilation;  // its sources and diagnostics
  std::vector<CompiledPolicy> policies;
  std::vector<policy::Endpoint> pods;  // of the demo's cluster
  std::size_t policy_objects = 0;      // CiliumNetworkPolicies and the like
  double front_end_milliseconds = 0;
  [[nodiscard]] double milliseconds() const;  // front end and all policies
  [[nodiscard]] const CompiledPolicy& policy_of(const policy::Endpoint& pod) const;
};

struct BuildInput {
  std::vector<driver::InputText> policies;
  std::vector<driver::InputText> cluster;
  policy::Options agent;
  bool without_l7 = false;
};

// Compiles nothing, so that what clang and LLVM need once is not counted with the first policy.
// Returns the milliseconds.
[[nodiscard]] Result<double> start_compiler();

// Mistakes in the policies are in Build::compilation; there are no policies then. An Error is a bug
// of policyc.
[[nodiscard]] Result<Build> build_policies(BuildInput input);

struct LoadedPod {
  std::string pod;  // "frontend"
  std::string interface;
  endpoint::LoadReport report;
  std::uint32_t verified_instructions = 0;  // of both policy programs
  double milliseconds = 0;                  // verify, JIT, attach, maps
};

// Loads the policy of one pod, or replaces the one that runs. Enters the node's namespace. The
// first one loads the node's datapath as well.
[[nodiscard]] Result<LoadedPod> load_pod(const endpoint::Paths& paths, const Topology& topology,
                                         const Build& build, const policy::Endpoint& pod);

}  // namespace policyc::demo
