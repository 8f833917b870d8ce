#include "loader/kernel/datapath.h"

#include <algorithm>

#include "compiler/backend/backend.h"
#include "loader/bpf/object.h"
#include "loader/kernel/features.h"

namespace policyc::kernel {
namespace {

// A page of a ring buffer, which is the smallest one.
constexpr std::uint32_t kSmallMap = 4096;

}  // namespace

Result<std::vector<std::uint8_t>> fit_datapath(std::span<const std::uint8_t> object,
                                               bool coarse_clock) {
  backend::Bytes fitted(object.begin(), object.end());
  if (!coarse_clock) {
    const std::uint8_t off = 0;
    if (auto set = backend::set_rodata(fitted, "have_coarse_clock", {&off, 1}); !set)
      return std::unexpected(set.error());
  }
  return fitted;
}

Result<std::vector<std::uint8_t>> fit_datapath(std::span<const std::uint8_t> object) {
  return fit_datapath(object, has_coarse_clock());
}

Result<std::vector<bpf::ProgramInfo>> try_datapath(std::span<const std::uint8_t> object) {
  const auto fitted = fit_datapath(object);
  if (!fitted) return std::unexpected(fitted.error());
  auto opened = bpf::Object::open(*fitted, "policyc_doctor");
  if (!opened) return std::unexpected(opened.error());
  for (const bpf::MapSpec& map : opened->maps()) {
    if (map.max_entries <= kSmallMap) continue;
    if (auto sized = opened->set_max_entries(map.name, kSmallMap); !sized)
      return std::unexpected(sized.error());
  }
  if (auto loaded = opened->load(); !loaded) return std::unexpected(loaded.error());
  std::vector<bpf::ProgramInfo> programs;
  for (const std::string& name : opened->programs()) {
    const auto fd = opened->program_fd(name);
    if (!fd) return std::unexpected(fd.error());
    auto info = bpf::program_info(*fd);
    if (!info) return std::unexpected(info.error());
    programs.push_back(std::move(*info));
    programs.back().name = name;  // the kernel keeps 15 letters
  }
  return programs;
}

}  // namespace policyc::kernel
