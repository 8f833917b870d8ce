#pragma once
// The agent's messages: requests to bytes, and bytes that nobody vouches for to typed values.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "compiler/support/result.h"
#include "loader/endpoint/inventory_change.h"
#include "loader/worker/client.h"

namespace policyc::worker {

// With the length before each.
[[nodiscard]] std::string configure_request(std::uint64_t id, const Settings& settings);
[[nodiscard]] std::string put_request(std::uint64_t id, const std::string& key,
                                      const std::string& name, std::string_view content);
[[nodiscard]] std::string remove_request(std::uint64_t id, const std::string& key);
// Without `endpoints`: those of the last one.
struct Asked {
  const std::vector<LocalEndpoint>* endpoints = nullptr;
  bool everything = false;
  bool only_pods = false;
};
[[nodiscard]] std::string resolve_request(std::uint64_t id, const Asked& asked);
[[nodiscard]] std::string compile_request(std::uint64_t id, const std::string& shape,
                                          unsigned priority);

struct Incoming {
  std::uint64_t id = 0;
  std::string error;
  bool unknown_shape = false;
  bool more_than_pods = false;
  // Nothing; or an answer whose `id`, and Compiled::shape, are not set.
  std::variant<std::monostate, FileResult, Resolved, Compiled> body;
  endpoint::InventoryChange inventory{};  // of a Resolved, whose own is not set
};
// An Error when anything in it is not as it must be: sizes of addresses, ranges of numbers,
// indices, names given twice.
[[nodiscard]] Result<Incoming> read_reply(std::string_view message);

}  // namespace policyc::worker
