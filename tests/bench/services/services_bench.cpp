// Implementations of Services side by side, with real traffic: how long a connection to the last of
// N Services takes, how many a client makes, how long loading and changing takes. Every repeat
// visits every implementation. Options: options.cpp; how to add an implementation:
// implementation.h. Needs root, and the packages iptables and nftables.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include <unistd.h>

#include "tests/bench/services/comparison.h"
#include "tests/bench/services/output.h"
#include "tests/bench/services/plot.h"

namespace {

using namespace policyc::bench;

// The lock of iptables is one for the machine; ours is for namespaces of our own.
class OwnLock {
 public:
  OwnLock()
      : file_(std::filesystem::temp_directory_path() /
              ("services-bench-" + std::to_string(::getpid()) + ".lock")) {
    ::setenv("XTABLES_LOCKFILE", file_.c_str(), 1);
  }
  ~OwnLock() {
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
  }
  OwnLock(const OwnLock&) = delete;
  OwnLock& operator=(const OwnLock&) = delete;

 private:
  std::filesystem::path file_;
};

void write_file(const std::string& name, const std::string& content) {
  if (std::ofstream file(name); file << content && file.flush()) return;
  std::cerr << "cannot write " << name << "\n";
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  Options options = parse_options(argc, argv);
  auto& names = options.implementations;
  if (std::find(names.begin(), names.end(), "direct") == names.end())
    names.insert(names.begin(), "direct");
  for (const std::string& name : names) {
    if (make_implementation(name)) continue;
    std::cerr << "services_bench: unknown implementation: " << name << "\n";
    return 2;
  }
  const OwnLock lock;
  const std::vector<Measured> results = compare(options);
  std::ostringstream json;
  print_json(results, json);
  print_table(results, std::cout);
  std::cout << json.str();
  if (!options.json_file.empty()) write_file(options.json_file, json.str());
  if (!options.plot_file.empty()) write_file(options.plot_file, plot_connect(results));
  return 0;
}
