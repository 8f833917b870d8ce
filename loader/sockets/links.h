#pragma once
// BPF links of socket programs to a cgroup, each pinned: they outlive the process, and a program is
// replaced by one update of its link.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "compiler/support/result.h"
#include "loader/sockets/cgroup.h"

namespace policyc::sockets {

struct LinkState {
  std::uint32_t program_id = 0;
  std::uint64_t cgroup_id = 0;
};
// Nothing: no pin, or a link whose cgroup was removed.
[[nodiscard]] Result<std::optional<LinkState>> link_state(const std::filesystem::path& pin);

enum class Attached : std::uint8_t { Fresh, Replaced };
// `attach_type`: enum bpf_attach_type. A link at the pin to the same cgroup gets the new program in
// one step; one to another cgroup is replaced by a link to this one.
[[nodiscard]] Result<Attached> attach_link(const std::filesystem::path& pin, const Cgroup& cgroup,
                                           std::uint32_t attach_type, int program_fd);
// Fine when nothing is there.
[[nodiscard]] Result<void> detach_link(const std::filesystem::path& pin);

}  // namespace policyc::sockets
