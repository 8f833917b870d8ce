#pragma once
// Runs a tool of the system on the node of a topology; the program ends when it fails.

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "loader/kubeproxy/tool.h"
#include "tests/bench/services/topology.h"

namespace policyc::bench {

inline void run_on_node(const Topology& topology, std::vector<std::string> arguments,
                        const std::string& input) {
  topology.node().inside([&] {
    const auto tool = kubeproxy::find_tool(arguments.front());
    if (!tool) {
      std::cerr << arguments.front() << " is not installed\n";
      std::exit(1);
    }
    arguments.front() = *tool;
    kubeproxy::ToolLimits limits;
    limits.time = std::chrono::minutes(10);
    if (const auto done = kubeproxy::run_tool(arguments, input, limits); !done) {
      std::cerr << done.error().message << "\n";
      std::exit(1);
    }
  });
}

}  // namespace policyc::bench
