#include "loader/endpoint/registered.h"

#include <algorithm>
#include <vector>

#include <linux/bpf.h>

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

Result<void> forget_interface(const std::filesystem::path& maps, std::uint32_t index) {
  for (const char* name : {"endpoints", "endpoints_beyond"}) {
    auto fd = bpf::open_pinned(maps / name);
    if (!fd) continue;
    const bpf::MapHandle map(name, std::move(*fd));
    const auto info = map.info();
    if (!info) return std::unexpected(info.error());
    if (info->key_size != sizeof index) continue;
    if (info->type != BPF_MAP_TYPE_ARRAY) {
      if (auto erased = map.erase_raw(&index); !erased) return std::unexpected(erased.error());
    } else if (index < info->max_entries) {
      const std::vector<std::byte> nobody(info->value_size);
      if (auto written = map.update_raw(&index, nobody.data(), BPF_ANY); !written) return written;
    }
  }
  return {};
}

}  // namespace policyc::endpoint
