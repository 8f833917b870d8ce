#include "loader/bpf/memory.h"

#include <cerrno>
#include <charconv>
#include <fstream>
#include <string>

#include <bpf/bpf.h>

#include "loader/bpf/fd.h"
#include "loader/bpf/log.h"

namespace policyc::bpf {
namespace {

// What the kernel charged for it: bpf_map_info and bpf_prog_info do not tell.
std::uint64_t memory_of(const Fd& object) {
  constexpr std::string_view kField = "memlock:\t";
  std::ifstream file("/proc/self/fdinfo/" + std::to_string(object.get()));
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(kField)) continue;
    std::uint64_t bytes = 0;
    std::from_chars(line.data() + kField.size(), line.data() + line.size(), bytes);
    return bytes;
  }
  return 0;
}

Result<std::uint64_t> sum(int (*next)(std::uint32_t, std::uint32_t*), int (*open)(std::uint32_t)) {
  std::uint64_t bytes = 0;
  for (std::uint32_t id = 0;;) {
    const int status = next(id, &id);
    if (status == -ENOENT) return bytes;
    if (status != 0) return fail_errno("walk the kernel's BPF objects", status);
    const Fd object(open(id));
    if (object.valid()) bytes += memory_of(object);
  }
}

}  // namespace

Result<Memory> memory_in_use() {
  const auto maps = sum(bpf_map_get_next_id, bpf_map_get_fd_by_id);
  if (!maps) return std::unexpected(maps.error());
  const auto programs = sum(bpf_prog_get_next_id, bpf_prog_get_fd_by_id);
  if (!programs) return std::unexpected(programs.error());
  return Memory{*maps, *programs};
}

}  // namespace policyc::bpf
