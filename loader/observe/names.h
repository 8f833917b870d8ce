#pragma once
// Turns an event's numbers into names: the endpoint, the peer's labels, the rule and the place
// where it is written.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/shape.h"
#include "loader/endpoint/paths.h"
#include "loader/endpoint/state.h"
#include "loader/observe/event.h"

namespace policyc::observe {

// Which policy text decided.
struct Cause {
  std::optional<std::uint32_t> rule_id;  // nothing for default deny
  std::vector<ir::Origin>
      origins;  // the rule's, or those of every policy that puts the endpoint in default deny
};

// Reads the loader's state, and again when an event names what it does not know: loads and unloads
// go on meanwhile.
class Names {
 public:
  explicit Names(endpoint::Paths paths) : paths_(std::move(paths)) {}

  // "namespace/pod", else the interface's name, else "interface N".
  [[nodiscard]] std::string endpoint(const Event& event);
  // "k8s:app=web,..."; empty when the identity is not known.
  [[nodiscard]] std::string labels(std::uint32_t identity);
  // Empty when no policy had a say (a malformed packet), or when the shape is gone.
  [[nodiscard]] Cause cause(const Event& event);

 private:
  void refresh();
  [[nodiscard]] const ir::Shape* shape(std::uint32_t tag);

  endpoint::Paths paths_;
  bool read_ = false;
  endpoint::State state_;
  std::map<std::uint32_t, ir::Shape> shapes_;  // by tag
};

}  // namespace policyc::observe
