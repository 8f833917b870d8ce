#include "loader/maps/header.h"

#include <string>

#include <linux/bpf.h>

#include "loader/maps/taker.h"
#include "runtime/abi/abi.h"

namespace policyc::maps {

Result<MapsHeader> read_header(const std::filesystem::path& directory) {
  Taker taker(directory, false);
  const bpf::Map<std::uint32_t, MapsHeader> map(
      taker.take(spec<std::uint32_t, MapsHeader>(kHeaderName, BPF_MAP_TYPE_ARRAY, 1)));
  if (taker.failed()) return std::unexpected(*taker.failed());
  const auto header = map.lookup(0);
  if (!header) return std::unexpected(header.error());
  return **header;
}

Result<bpf::Map<std::uint32_t, MapsHeader>> take_header(const std::filesystem::path& directory,
                                                        bool make) {
  Taker taker(directory, make);
  bpf::Map<std::uint32_t, MapsHeader> map(
      taker.take(spec<std::uint32_t, MapsHeader>(kHeaderName, BPF_MAP_TYPE_ARRAY, 1)));
  if (taker.failed()) return std::unexpected(*taker.failed());
  auto header = map.lookup(0);
  if (!header) return std::unexpected(header.error());
  if (make && (*header)->abi_version == 0) {
    (*header)->abi_version = POLICYC_ABI_VERSION;
    (*header)->connections_version = POLICYC_CONNECTIONS_VERSION;
    if (auto written = map.update(0, **header); !written) return std::unexpected(written.error());
  }
  if ((*header)->abi_version != POLICYC_ABI_VERSION) {
    return fail(
        "the maps in " + directory.string() + " have ABI version " +
        std::to_string((*header)->abi_version) + "; this policyc has version " +
        std::to_string(POLICYC_ABI_VERSION) +
        ": policyd takes such a node over when it starts; without it, unload everything with"
        " the policyc that made them");
  }
  return map;
}

}  // namespace policyc::maps
