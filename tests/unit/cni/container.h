#pragma once
// Containers as network namespaces, and plugins run as a container runtime runs them.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "loader/bpf/fd.h"

namespace policyc::testing {

using Json = nlohmann::ordered_json;

// What a command writes to standard output; an exception when it fails.
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
               const std::string& input, const std::vector<std::string>& arguments = {});

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

}  // namespace policyc::testing
