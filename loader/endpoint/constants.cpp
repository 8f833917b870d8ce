#include "loader/endpoint/constants.h"

#include <array>
#include <ctime>

#include <bpf/libbpf.h>
#include <linux/bpf.h>

namespace policyc::endpoint {
namespace {

constexpr long kNanosecondsPerSecond = 1'000'000'000;

bool has_helper(bpf_func_id helper) {
  return libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, helper, nullptr) == 1;
}

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

Result<void> set_constants(backend::Bytes& object) {
  const std::uint32_t ticks = ticks_per_second();
  std::array<std::uint8_t, 4> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(ticks >> (8 * i));
  if (auto set = backend::set_rodata(object, "ticks_per_second", bytes); !set) return set;
  auto set = set_byte(object, "have_coarse_clock", has_helper(BPF_FUNC_ktime_get_coarse_ns));
  if (!set) return set;
#ifdef __x86_64__
  constexpr bool kStoreOrder = true;
#else
  constexpr bool kStoreOrder = false;
#endif
  set = set_byte(object, "have_store_order", kStoreOrder);
  if (!set) return set;
  return set_byte(object, "have_redirect_peer", has_helper(BPF_FUNC_redirect_peer));
}

}  // namespace policyc::endpoint
