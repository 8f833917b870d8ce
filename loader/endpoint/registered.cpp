#include "loader/endpoint/registered.h"

#include <algorithm>
#include <vector>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/map.h"

namespace policyc::endpoint {

std::set<std::uint32_t> registered_interfaces(const std::filesystem::path& maps) {
  std::set<std::uint32_t> result;
  for (const char* name : {"endpoints", "endpoints_beyond"}) {
    auto fd = bpf::open_pinned(maps / name);
    if (!fd) continue;
    const bpf::MapHandle map(name, std::move(*fd));
    const auto info = map.info();
    if (!info || info->key_size != sizeof(std::uint32_t)) continue;
    std::vector<std::byte> value(info->value_size);
    std::uint32_t key = 0;
    std::uint32_t next = 0;
    for (const std::uint32_t* position = nullptr;; position = &key) {
      const auto more = map.next_key_raw(position, &next);
      if (!more || !*more) break;
      key = next;
      const auto found = map.lookup_raw(&key, value.data());
      if (!found || !*found) continue;
      if (std::ranges::any_of(value, [](std::byte byte) { return byte != std::byte{0}; }))
        result.insert(key);
    }
  }
  return result;
}

}  // namespace policyc::endpoint
