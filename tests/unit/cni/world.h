#pragma once
// A node of its own for plugins: a network namespace for the test's process, others for containers,
// and plugins run as a container runtime runs them.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "loader/bpf/fd.h"
#include "tests/support/temporary_folder.h"

namespace policyc::testing {

using Json = nlohmann::ordered_json;

// Runs a command; an exception when it fails.
void shell(const std::string& command);
// What it writes to standard output.
std::string output_of(const std::string& command);

// What a plugin did. `json` is what it wrote, discarded when that is no JSON.
struct Ran {
  int exit_code = -1;
  std::string output;
  Json json;
  [[nodiscard]] int code() const { return json.is_object() ? json.value("code", 0) : -1; }
};

// A program, with exactly this environment and standard input. -1 as exit code: killed, or it took
// over a minute.
Ran run_plugin(const std::string& program, const std::map<std::string, std::string>& environment,
               const std::string& input);

// A network namespace that lives as long as this.
class Container {
 public:
  explicit Container(std::string id);
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] std::string path() const;
  // Runs a shell command in it; what it wrote.
  [[nodiscard]] std::string run(const std::string& command) const;
  // On a thread inside.
  void inside(const std::function<void()>& action) const;
  void close() { network_.reset(); }
  // The state of an interface as `ip -j address show` tells it; null when there is none.
  [[nodiscard]] Json interface(const std::string& name = "eth0") const;

 private:
  std::string id_;
  bpf::Fd network_;
};

// Whether "UP" is among an interface's flags.
[[nodiscard]] bool is_up(const Json& interface);
// Its addresses without the link-local ones, sorted: "10.0.0.5/32".
[[nodiscard]] std::vector<std::string> addresses_of(const Json& interface);

class CniTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();  // needs root

  // The plugin's own configuration, with pools of both families.
  [[nodiscard]] Json config(const std::string& version = "1.1.0") const;
  // Runs policyc-cni for a container.
  Ran run(const std::string& command, const Container& container, const Json& configuration,
          const std::map<std::string, std::string>& more = {}) const;
  // Names of the host's interfaces but the loopback.
  [[nodiscard]] static std::vector<std::string> host_interfaces();
  // The addresses that the pools say are taken.
  [[nodiscard]] std::vector<std::string> used_addresses() const;

  // One datagram from a namespace to an address in another one; null stands for the host.
  [[nodiscard]] static bool reaches(const Container* from, const Container* to,
                                    const std::string& address);

  TemporaryFolder folder_;
  std::string socket_ = (folder_ / "policyd.sock").string();
};

}  // namespace policyc::testing
