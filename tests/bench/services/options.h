#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tests/bench/traffic_load.h"

namespace policyc::bench {

struct Options {
  std::vector<std::size_t> services = {10, 1000, 10000};
  std::vector<std::string> implementations = {"direct",          "nftables",
                                              "iptables-legacy", "policyc-sockets",
                                              "policyc-packets", "policyc-packets-delivery"};
  int repeats = 5;
  Round round = Round(400);
  std::string json_file;  // empty: none
  std::string plot_file;
};

// Ends the program with a message and status 2 when it does not understand.
[[nodiscard]] Options parse_options(int argc, char** argv);

}  // namespace policyc::bench
