#pragma once
// The endpoints of a node by interface index: an array, which the programs read for next to
// nothing, and a hash for indices that the array does not reach.

#include <cstdint>
#include <map>
#include <optional>

#include "compiler/support/result.h"
#include "loader/bpf/map.h"
#include "runtime/abi/abi.h"

namespace policyc::maps {

class EndpointTable {
 public:
  EndpointTable() = default;
  EndpointTable(bpf::Map<std::uint32_t, endpoint_value> array, std::uint32_t array_size,
                bpf::Map<std::uint32_t, endpoint_value> beyond)
      : array_(std::move(array)), array_size_(array_size), beyond_(std::move(beyond)) {}

  // Nothing when the interface has no endpoint.
  [[nodiscard]] Result<std::optional<endpoint_value>> lookup(std::uint32_t interface_index) const;
  // An element of an array is not written at once: where another endpoint takes over an interface,
  // or one gets other addresses, it belongs to nobody in between, and nobody's packets are dropped.
  [[nodiscard]] Result<void> update(std::uint32_t interface_index,
                                    const endpoint_value& value) const;
  // False when there was none.
  [[nodiscard]] Result<bool> erase(std::uint32_t interface_index) const;

  // All of them, by interface index.
  [[nodiscard]] Result<std::map<std::uint32_t, endpoint_value>> entries() const;

  [[nodiscard]] const bpf::MapHandle& array() const { return array_.handle(); }
  [[nodiscard]] const bpf::MapHandle& beyond() const { return beyond_.handle(); }

 private:
  bpf::Map<std::uint32_t, endpoint_value> array_;
  std::uint32_t array_size_ = 0;
  bpf::Map<std::uint32_t, endpoint_value> beyond_;
};

}  // namespace policyc::maps
