#include "cli/demo/preflight.h"

#include <linux/bpf.h>
#include <unistd.h>

#include "cli/demo/leftovers.h"
#include "cli/demo/process.h"
#include "cli/demo/topology.h"
#include "loader/bpf/bpffs.h"
#include "loader/bpf/map.h"

namespace policyc::demo {

Result<void> preflight() {
  if (::geteuid() != 0)
    return fail("needs root: it makes network namespaces and loads BPF programs");
  const bpf::MapSpec probe{
      "policyc_demo", BPF_MAP_TYPE_ARRAY, sizeof(std::uint32_t), sizeof(std::uint32_t), 1, 0};
  if (const auto map = bpf::MapHandle::create(probe); !map)
    return fail("BPF is not available here: " + map.error().message);
  const auto folder = pin_folder(run_name());
  auto made = bpf::ensure_directory(folder);
  static_cast<void>(bpf::remove_tree(folder));
  if (!made) return fail("no BPF file system: " + made.error().message);
  if (auto ip = run_program({"ip", "-Version"}); !ip)
    return fail("needs the `ip` command (iproute2): " + ip.error().message);
  return {};
}

}  // namespace policyc::demo
