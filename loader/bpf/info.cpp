#include "loader/bpf/info.h"

#include <bpf/bpf.h>

#include "loader/bpf/log.h"

namespace policyc::bpf {
namespace {

// The beginning of the kernel's bpf_link_info with the member for tcx, which older kernel headers
// lack.
struct TcxLinkInfo {
  std::uint32_t type;
  std::uint32_t id;
  std::uint32_t program_id;
  std::uint32_t pad;
  std::uint32_t interface_index;
  std::uint32_t attach_type;
};

}  // namespace

Result<ProgramInfo> program_info(int fd) {
  bpf_prog_info info{};
  std::uint32_t length = sizeof info;
  if (const int status = bpf_obj_get_info_by_fd(fd, &info, &length); status != 0) {
    return fail_errno("ask the kernel about a program", status);
  }
  ProgramInfo result{
      info.id, info.name, info.verified_insns, info.xlated_prog_len / 8, info.jited_prog_len, {}};
  result.map_ids.resize(info.nr_map_ids);
  bpf_prog_info with_maps{};
  with_maps.nr_map_ids = info.nr_map_ids;
  with_maps.map_ids = reinterpret_cast<std::uintptr_t>(result.map_ids.data());
  length = sizeof with_maps;
  if (const int status = bpf_obj_get_info_by_fd(fd, &with_maps, &length); status != 0) {
    return fail_errno("ask the kernel about a program's maps", status);
  }
  return result;
}

Result<ProgramInfo> program_info_by_id(std::uint32_t id) {
  const auto fd = open_program(id);
  if (!fd) return std::unexpected(fd.error());
  return program_info(fd->get());
}

Result<Fd> open_program(std::uint32_t id) {
  const int fd = bpf_prog_get_fd_by_id(id);
  if (fd < 0) return fail_errno("open program " + std::to_string(id), fd);
  return Fd(fd);
}

Result<MapInfo> map_info(int fd) {
  bpf_map_info info{};
  std::uint32_t length = sizeof info;
  if (const int status = bpf_obj_get_info_by_fd(fd, &info, &length); status != 0) {
    return fail_errno("ask the kernel about a map", status);
  }
  return MapInfo{info.id,         info.name,        info.type,     info.key_size,
                 info.value_size, info.max_entries, info.map_flags};
}

Result<LinkInfo> link_info(int fd) {
  TcxLinkInfo info{};
  std::uint32_t length = sizeof info;
  if (const int status = bpf_obj_get_info_by_fd(fd, &info, &length); status != 0) {
    return fail_errno("ask the kernel about a link", status);
  }
  return LinkInfo{info.id, info.program_id, info.interface_index, info.attach_type};
}

}  // namespace policyc::bpf
