#include "loader/maps/endpoint_table.h"

#include <cstring>

namespace policyc::maps {
namespace {

// Another identity is no other endpoint: programs tell it in events and decide nothing by it.
bool is_same_endpoint(const endpoint_value& a, const endpoint_value& b) {
  return a.endpoint_id == b.endpoint_id && a.ipv4 == b.ipv4 &&
         std::memcmp(a.ipv6, b.ipv6, sizeof a.ipv6) == 0;
}

}  // namespace

Result<std::optional<endpoint_value>> EndpointTable::lookup(std::uint32_t interface_index) const {
  if (interface_index >= array_size_) return beyond_.lookup(interface_index);
  auto value = array_.lookup(interface_index);
  if (value && *value && (*value)->endpoint_id == 0) return std::nullopt;
  return value;
}

Result<void> EndpointTable::update(std::uint32_t interface_index,
                                   const endpoint_value& value) const {
  if (interface_index >= array_size_) return beyond_.update(interface_index, value);
  const auto present = lookup(interface_index);
  if (!present) return std::unexpected(present.error());
  if (!*present || !is_same_endpoint(**present, value)) {
    endpoint_value nobody = value;
    nobody.endpoint_id = 0;
    if (auto written = array_.update(interface_index, nobody); !written) return written;
  }
  return array_.update(interface_index, value);
}

Result<bool> EndpointTable::erase(std::uint32_t interface_index) const {
  if (interface_index >= array_size_) return beyond_.erase(interface_index);
  const auto present = lookup(interface_index);
  if (!present) return std::unexpected(present.error());
  if (!*present) return false;
  if (auto written = array_.update(interface_index, endpoint_value{}); !written)
    return std::unexpected(written.error());
  return true;
}

Result<std::map<std::uint32_t, endpoint_value>> EndpointTable::entries() const {
  std::map<std::uint32_t, endpoint_value> result;
  const auto add = [&result](const std::uint32_t& index, const endpoint_value& value) {
    if (value.endpoint_id != 0) result.emplace(index, value);
  };
  if (auto read = array_.each(add); !read) return std::unexpected(read.error());
  if (auto read = beyond_.each(add); !read) return std::unexpected(read.error());
  return result;
}

}  // namespace policyc::maps
