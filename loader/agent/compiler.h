#pragma once
// The compiler as the agent sees it: loader/worker's client, or what a test puts in its place.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "loader/agent/config.h"
#include "loader/worker/client.h"

namespace policyc::agent {

// See worker::Client for each.
class Compiler {
 public:
  Compiler() = default;
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;
  virtual ~Compiler() = default;

  [[nodiscard]] virtual int fd() const = 0;
  virtual void put_file(std::string key, std::string name, std::string content) = 0;
  virtual void remove_file(const std::string& key) = 0;
  virtual std::uint64_t resolve(worker::LocalEndpoints endpoints, bool everything) = 0;
  virtual std::uint64_t resolve_pods(worker::LocalEndpoints endpoints) = 0;
  virtual std::uint64_t compile(std::string shape, unsigned priority) = 0;
  [[nodiscard]] virtual Result<std::vector<worker::Answer>> pump() = 0;
  [[nodiscard]] virtual bool ready() const = 0;
  [[nodiscard]] virtual worker::Statistics statistics() const = 0;
};

using CompilerFactory = std::function<Result<std::unique_ptr<Compiler>>(const Config&)>;

// Starts the compiler process; waits until it is ready.
[[nodiscard]] Result<std::unique_ptr<Compiler>> start_compiler(const Config& config);

}  // namespace policyc::agent
