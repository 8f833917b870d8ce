#pragma once
// Implementations of services measured side by side: each, with each number of services, loaded in
// a topology of its own, then visited in turn, so that what else the machine does falls on all of
// them.

#include <memory>
#include <string>
#include <vector>

#include "tests/bench/services/implementation.h"
#include "tests/bench/services/options.h"

namespace policyc::bench {

// One value for each repeat; empty where nothing is measured.
struct Measured {
  std::string implementation;
  std::size_t services = 0;
  std::vector<double> connect_p50_us;
  std::vector<double> connect_p99_us;
  // Per second, one after the other, if each takes as long as the median one: a round during which
  // the machine did something else counts like one during which it did not.
  std::vector<double> exchanges;  // connect, request, response, close
  std::vector<double> requests;   // request and response on one connection
  std::vector<double> load_ms;
  std::vector<double> load_cpu_ms;  // of this process and the tools that it ran
  std::vector<double> add_backend_ms;
  std::vector<double> add_backend_cpu_ms;
  std::vector<double> memory_mib;
};

// Null for an unknown name.
[[nodiscard]] std::unique_ptr<Implementation> make_implementation(const std::string& name);

// Services have three backends each. In the order of options.services, then
// options.implementations.
[[nodiscard]] std::vector<Measured> compare(const Options& options);

}  // namespace policyc::bench
