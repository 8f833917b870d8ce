#include "loader/nat/collector.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include <bpf/bpf.h>

#include "loader/bpf/log.h"
#include "loader/kernel/datapath.h"
#include "loader/nat/programs.h"
#include "runtime/abi/abi.h"

namespace policyc::nat {
namespace {

constexpr const char* kProgram = "nat_collect";
constexpr std::uint32_t kGraceSeconds = 1;
constexpr double kCrowded = 0.75;
constexpr std::uint32_t kUnansweredSeconds = 5;
constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kEtherType = 12;
// Local experimental: the kernel looks into what claims to be IP.
constexpr std::array<std::uint8_t, 2> kNoProtocol{0x88, 0xb5};
// Kernels refuse packets that are shorter than an IP header.
constexpr std::size_t kSmallest = 64;
constexpr std::size_t kLargest =
    kEthernetHeader + sizeof(nat_collect_head) + NAT_COLLECT_KEYS * sizeof(nat6_key);

}  // namespace

Result<Collector> Collector::open(const endpoint::Paths& paths) {
  auto program = open_program(paths, kProgram);
  if (!program) return std::unexpected(program.error());
  auto tables = Tables::open(paths.maps());
  if (!tables) return std::unexpected(tables.error());
  return Collector(std::move(*tables), std::move(*program));
}

Result<std::uint64_t> Collector::now() const {
  const auto answer = run({.family = 4, .count = 0, .grace = 0, .unanswered = 0}, nullptr, 0);
  if (!answer) return std::unexpected(answer.error());
  return answer->now;
}

Result<CollectReport> Collector::pass() const {
  CollectReport report;
  if (auto done = collect(tables_.nat4, report); !done) return std::unexpected(done.error());
  if (auto done = collect(tables_.nat6, report); !done) return std::unexpected(done.error());
  return report;
}

template <class Key, class Value, class Wanted>
Result<std::size_t> Collector::walk(const bpf::Map<Key, Value>& table, std::uint32_t unanswered,
                                    const Wanted& wanted, CollectReport& report) const {
  std::vector<Key> keys_wanted;
  std::size_t seen = 0;
  std::optional<Error> failed;
  const auto see = [&](const void* keys, const void* values, std::size_t count) {
    seen += count;
    for (std::size_t i = 0; i < count; ++i) {
      if (wanted(static_cast<const Value*>(values)[i].state))
        keys_wanted.push_back(static_cast<const Key*>(keys)[i]);
    }
    std::span<const Key> rest(keys_wanted);
    while (!rest.empty()) {
      const auto part = rest.first(std::min<std::size_t>(rest.size(), NAT_COLLECT_KEYS));
      rest = rest.subspan(part.size());
      const auto answer = run({.family = sizeof(Key) == sizeof(nat4_key) ? 4U : 6U,
                               .count = static_cast<std::uint32_t>(part.size()),
                               .grace = kGraceSeconds * kernel::ticks_per_second(),
                               .unanswered = unanswered},
                              part.data(), part.size_bytes());
      if (!answer) {
        failed = answer.error();
        return false;
      }
      report.removed += answer->removed;
      report.ended += answer->ended;
    }
    keys_wanted.clear();
    return true;
  };
  if (auto done = table.handle().each_batch_raw(see); !done) return std::unexpected(done.error());
  if (failed) return std::unexpected(*failed);
  return seen;
}

template <class Key, class Value>
Result<void> Collector::collect(const bpf::Map<Key, Value>& table, CollectReport& report) const {
  const std::uint32_t second = kernel::ticks_per_second();
  const auto time = now();
  if (!time) return std::unexpected(time.error());
  const auto info = table.handle().info();
  if (!info) return std::unexpected(info.error());
  const std::size_t before = report.removed;
  const auto seen = walk(
      table, 0,
      [&](const nat_state& state) { return state.expires + kGraceSeconds * second <= *time; },
      report);
  if (!seen) return std::unexpected(seen.error());
  report.scanned += *seen;
  const double fill = static_cast<double>(*seen - (report.removed - before)) /
                      static_cast<double>(info->max_entries);
  report.fill = std::max(report.fill, fill);
  if (fill < kCrowded) return {};
  const auto ended = walk(
      table, kUnansweredSeconds * second,
      [](const nat_state& state) {
        return (state.flags & (CT_SEEN_REPLY | NAT_ORIGINAL)) == NAT_ORIGINAL;
      },
      report);
  if (!ended) return std::unexpected(ended.error());
  return {};
}

Result<nat_collected_value> Collector::run(const nat_collect_head& head, const void* keys,
                                           std::size_t bytes) const {
  std::array<std::uint8_t, kLargest> packet;
  std::memset(packet.data(), 0, kSmallest);
  std::copy(kNoProtocol.begin(), kNoProtocol.end(), packet.begin() + kEtherType);
  std::memcpy(packet.data() + kEthernetHeader, &head, sizeof head);
  if (bytes != 0) std::memcpy(packet.data() + kEthernetHeader + sizeof head, keys, bytes);
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = packet.data();
  options.data_size_in =
      static_cast<std::uint32_t>(std::max(kSmallest, kEthernetHeader + sizeof head + bytes));
  const std::string what = "run program " + std::string(kProgram);
  if (const int status = bpf_prog_test_run_opts(program_.get(), &options); status != 0)
    return bpf::fail_errno(what, status);
  if (options.retval != 0) return fail("cannot " + what + ": it did not take its input");
  const auto answer = tables_.collected.lookup(0);
  if (!answer) return std::unexpected(answer.error());
  return **answer;  // an array always has its element
}

}  // namespace policyc::nat
