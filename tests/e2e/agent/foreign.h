#pragma once
// A node of another ABI version, made from one of ours while no agent runs.

#include <fstream>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/map.h"
#include "loader/endpoint/paths.h"
#include "loader/maps/header.h"
#include "runtime/abi/abi.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {

// As another version left it: nothing of its state can be read, its programs run on.
inline void make_foreign(const endpoint::Paths& paths, bool other_connections = false,
                         bool newer = true) {
  const auto pin = paths.maps() / maps::kHeaderName;
  const bpf::Map<std::uint32_t, maps::MapsHeader> map(
      bpf::MapHandle(maps::kHeaderName, must(bpf::open_pinned(pin))));
  auto header = *must(map.lookup(0));
  header.abi_version = POLICYC_ABI_VERSION + (newer ? 1 : -1);
  header.connections_version += other_connections ? 1 : 0;
  must(map.update(0, header));
  std::ofstream(paths.state_file()) << "{\"version\": 99}\n";
}

}  // namespace policyc::testing
