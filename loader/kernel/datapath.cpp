#include "loader/kernel/datapath.h"

#include <array>
#include <ctime>
#include <string_view>
#include <utility>

#include "compiler/backend/backend.h"
#include "loader/bpf/object.h"
#include "loader/kernel/features.h"

namespace policyc::kernel {
namespace {

constexpr std::uint32_t kSmallMap = 4096;
constexpr long kNanosecondsPerSecond = 1'000'000'000;

Result<void> set_byte(backend::Bytes& object, std::string_view name, bool value) {
  const std::uint8_t byte = value ? 1 : 0;
  return backend::set_rodata(object, name, {&byte, 1});
}

}  // namespace

std::uint32_t ticks_per_second() {
  // The coarse clocks move once for each tick.
  timespec resolution{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
  const long tick = resolution.tv_sec * kNanosecondsPerSecond + resolution.tv_nsec;
  return static_cast<std::uint32_t>((kNanosecondsPerSecond + tick / 2) / tick);
}

Constants constants_of_this_node() {
#ifdef __x86_64__
  constexpr bool kStoreOrder = true;
#else
  constexpr bool kStoreOrder = false;
#endif
  return {has_coarse_clock(), has_redirect_peer(), kStoreOrder, ticks_per_second()};
}

Result<std::vector<std::uint8_t>> fit_datapath(std::span<const std::uint8_t> object,
                                               const Constants& constants) {
  backend::Bytes fitted(object.begin(), object.end());
  std::array<std::uint8_t, 4> ticks{};
  for (std::size_t i = 0; i < ticks.size(); ++i)
    ticks[i] = static_cast<std::uint8_t>(constants.ticks_per_second >> (8 * i));
  if (auto set = backend::set_rodata(fitted, "ticks_per_second", ticks); !set)
    return std::unexpected(set.error());
  for (const auto& [name, value] : {std::pair("have_coarse_clock", constants.coarse_clock),
                                    std::pair("have_redirect_peer", constants.redirect_peer),
                                    std::pair("have_store_order", constants.store_order)}) {
    if (auto set = set_byte(fitted, name, value); !set) return std::unexpected(set.error());
  }
  return fitted;
}

Result<std::vector<std::uint8_t>> fit_datapath(std::span<const std::uint8_t> object) {
  return fit_datapath(object, constants_of_this_node());
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
