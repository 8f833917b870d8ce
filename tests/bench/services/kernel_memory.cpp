#include "tests/bench/services/kernel_memory.h"

#include <fstream>
#include <limits>
#include <string>

namespace policyc::bench {

std::optional<double> kernel_memory() {
  std::ifstream file("/proc/meminfo");
  double kib = 0;
  int found = 0;
  std::string name;
  for (double value = 0; file >> name >> value;) {
    if (name == "Slab:" || name == "VmallocUsed:" || name == "Percpu:") {
      kib += value;
      ++found;
    }
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return found == 3 ? std::optional(kib / 1024) : std::nullopt;
}

}  // namespace policyc::bench
