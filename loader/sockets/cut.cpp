#include "loader/sockets/cut.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_set>
#include <vector>

#include <linux/bpf.h>
#include <netinet/in.h>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/map.h"
#include "loader/sockets/diag.h"
#include "loader/sockets/namespaces.h"

namespace policyc::sockets {
namespace {

struct Hash {
  // Cookies are unique on a node; a socket has few peers.
  std::size_t operator()(const socket_reverse_key& key) const { return key.cookie; }
};
struct Equal {
  bool operator()(const socket_reverse_key& a, const socket_reverse_key& b) const {
    return std::memcmp(&a, &b, sizeof a) == 0;
  }
};
using Keys = std::unordered_set<socket_reverse_key, Hash, Equal>;

using ReverseMap = bpf::Map<socket_reverse_key, socket_reverse_value>;

Result<ReverseMap> open_reverse(const std::filesystem::path& bpffs) {
  auto handle =
      bpf::MapHandle::open({"socket_reverse", BPF_MAP_TYPE_LRU_HASH, sizeof(socket_reverse_key),
                            sizeof(socket_reverse_value), 0, 0},
                           bpffs / "maps" / "socket_reverse");
  if (!handle) return std::unexpected(handle.error());
  return ReverseMap(std::move(*handle));
}

Result<Keys> sockets_of(const ReverseMap& reverse, std::span<const RemovedBackend> removed,
                        std::span<const std::uint8_t> protocols) {
  std::vector<RemovedBackend> sorted(removed.begin(), removed.end());
  std::ranges::sort(sorted);
  Keys keys;
  const auto read =
      reverse.each([&](const socket_reverse_key& key, const socket_reverse_value& value) {
        const RemovedBackend backend{value.backend, value.generation};
        if (std::ranges::find(protocols, key.protocol) != protocols.end() &&
            std::ranges::binary_search(sorted, backend))
          keys.insert(key);
      });
  if (!read) return std::unexpected(read.error());
  return keys;
}

}  // namespace

Result<std::size_t> cut_sockets(const std::filesystem::path& bpffs,
                                std::span<const RemovedBackend> removed, CutProtocols protocols) {
  if (removed.empty() || !bpf::exists(bpffs / "maps" / "socket_reverse")) return 0;
  const auto reverse = open_reverse(bpffs);
  if (!reverse) return std::unexpected(reverse.error());
  constexpr std::array<std::uint8_t, 2> kProtocols{IPPROTO_UDP, IPPROTO_TCP};
  const std::span<const std::uint8_t> asked(kProtocols.data(),
                                            protocols == CutProtocols::UdpAndTcp ? 2 : 1);
  auto keys = sockets_of(*reverse, removed, asked);
  if (!keys) return std::unexpected(keys.error());
  std::vector<socket_reverse_key> cut;
  for (const bpf::Fd& network : network_namespaces()) {
    if (keys->empty()) break;
    const auto done = run_inside(network, [&]() -> Result<void> {
      for (const std::uint8_t protocol : asked) {
        auto destroyed = destroy_sockets(
            protocol, [&](const socket_reverse_key& key) { return keys->contains(key); },
            [&](const socket_reverse_key& key) { cut.push_back(key); });
        if (!destroyed) return destroyed;
      }
      return {};
    });
    if (!done) return std::unexpected(done.error());
    for (const socket_reverse_key& key : cut) keys->erase(key);
  }
  for (const socket_reverse_key& key : cut) {
    if (const auto erased = reverse->erase(key); !erased) return std::unexpected(erased.error());
  }
  return cut.size();
}

Result<std::size_t> cut_sockets(const std::filesystem::path& bpffs, std::uint32_t backend,
                                std::uint32_t generation) {
  const RemovedBackend removed{backend, generation};
  return cut_sockets(bpffs, {&removed, 1});
}

}  // namespace policyc::sockets
