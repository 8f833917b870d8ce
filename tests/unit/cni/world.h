#pragma once
// A node of its own for plugins: a network namespace for the test's process, others for containers.

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"
#include "tests/unit/cni/container.h"

namespace policyc::testing {

// Runs a command; an exception when it fails.
void shell(const std::string& command);
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
