#pragma once
// What the kernel tells about loaded programs, maps and links.

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::bpf {

struct ProgramInfo {
  std::uint32_t id = 0;
  std::string name;
  std::uint32_t verified_instructions = 0;  // that the verifier walked through
  std::uint32_t instructions = 0;           // after the kernel's rewriting
  std::uint32_t jited_bytes = 0;
  std::vector<std::uint32_t> map_ids;
};
[[nodiscard]] Result<ProgramInfo> program_info(int fd);
[[nodiscard]] Result<ProgramInfo> program_info_by_id(std::uint32_t id);
[[nodiscard]] Result<Fd> open_program(std::uint32_t id);

struct MapInfo {
  std::uint32_t id = 0;
  std::string name;
  std::uint32_t type = 0;  // enum bpf_map_type
  std::uint32_t key_size = 0;
  std::uint32_t value_size = 0;
  std::uint32_t max_entries = 0;
  std::uint32_t flags = 0;
};
[[nodiscard]] Result<MapInfo> map_info(int fd);

struct LinkInfo {
  std::uint32_t id = 0;
  std::uint32_t program_id = 0;
  std::uint32_t interface_index = 0;  // of a tcx link; 0 once its interface is gone
  std::uint32_t attach_type = 0;
};
[[nodiscard]] Result<LinkInfo> link_info(int fd);

}  // namespace policyc::bpf
