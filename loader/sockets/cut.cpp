#include "loader/sockets/cut.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include <linux/bpf.h>
#include <netinet/in.h>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/map.h"
#include "loader/sockets/diag.h"
#include "loader/sockets/iterator.h"
#include "loader/sockets/namespaces.h"

namespace policyc::sockets {
namespace {

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

// Ready to destroy what is wanted, in one network namespace after the other.
class Cutter {
 public:
  [[nodiscard]] static Result<Cutter> make(const Keys& wanted, CutMethod method) {
    Cutter cutter(wanted);
    if (method == CutMethod::Netlink) return cutter;
    auto iterator = CutIterator::load(wanted);
    if (iterator) {
      cutter.iterator_ = std::move(*iterator);
    } else if (method == CutMethod::Iterator) {
      return std::unexpected(iterator.error());
    }
    return cutter;
  }

  [[nodiscard]] Result<Keys> destroy(std::uint8_t protocol) const {
    return iterator_ ? iterator_->destroy(protocol) : destroy_by_netlink(protocol, wanted_);
  }

 private:
  explicit Cutter(const Keys& wanted) : wanted_(wanted) {}
  const Keys& wanted_;
  std::optional<CutIterator> iterator_;
};

// What was cut is added to `all`, also before an Error. A namespace that fails does not keep the
// others from being looked at; the first Error counts.
Result<void> cut_everywhere(const Keys& wanted, std::span<const std::uint8_t> protocols,
                            CutMethod method, Keys& all) {
  const auto cutter = Cutter::make(wanted, method);
  if (!cutter) return std::unexpected(cutter.error());
  Result<void> result;
  for (const bpf::Fd& network : network_namespaces()) {
    const auto done = run_inside(network, [&]() -> Result<void> {
      for (const std::uint8_t protocol : protocols) {
        const auto cut = cutter->destroy(protocol);
        if (!cut) return std::unexpected(cut.error());
        all.insert(cut->begin(), cut->end());
      }
      return {};
    });
    if (!done && result) result = done;
    if (all.size() == wanted.size()) break;
  }
  return result;
}

}  // namespace

Result<std::size_t> cut_sockets(const std::filesystem::path& bpffs,
                                std::span<const RemovedBackend> removed, CutProtocols protocols,
                                CutMethod method) {
  if (removed.empty() || !bpf::exists(bpffs / "maps" / "socket_reverse")) return 0;
  const auto reverse = open_reverse(bpffs);
  if (!reverse) return std::unexpected(reverse.error());
  constexpr std::array<std::uint8_t, 2> kProtocols{IPPROTO_UDP, IPPROTO_TCP};
  const std::span<const std::uint8_t> asked(kProtocols.data(),
                                            protocols == CutProtocols::UdpAndTcp ? 2 : 1);
  const auto wanted = sockets_of(*reverse, removed, asked);
  if (!wanted) return std::unexpected(wanted.error());
  if (wanted->empty()) return 0;
  Keys cut;
  const auto done = cut_everywhere(*wanted, asked, method, cut);
  for (const socket_reverse_key& key : cut) {
    if (const auto erased = reverse->erase(key); !erased) return std::unexpected(erased.error());
  }
  if (!done) return std::unexpected(done.error());
  return cut.size();
}

Result<std::size_t> cut_sockets(const std::filesystem::path& bpffs, std::uint32_t backend,
                                std::uint32_t generation) {
  const RemovedBackend removed{backend, generation};
  return cut_sockets(bpffs, {&removed, 1});
}

}  // namespace policyc::sockets
