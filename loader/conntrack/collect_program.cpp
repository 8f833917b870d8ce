#include "loader/conntrack/collect_program.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include <bpf/bpf.h>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/log.h"
#include "loader/endpoint/datapath.h"

namespace policyc::conntrack {
namespace {

constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kEtherType = 12;
// Local experimental: the kernel looks into what claims to be IP.
constexpr std::array<std::uint8_t, 2> kNoProtocol{0x88, 0xb5};
// Kernels refuse packets that are shorter than an IP header.
constexpr std::size_t kSmallest = 64;

}  // namespace

CollectProgram::CollectProgram(bpf::Fd program, bpf::Fd collected)
    : program_(std::move(program)),
      collected_(bpf::MapHandle("ct_collected", std::move(collected))) {}

Result<CollectProgram> CollectProgram::open(const endpoint::Paths& paths) {
  for (const std::string& version : bpf::list(paths.programs())) {
    const auto path = paths.programs() / version / endpoint::kCollectProgram;
    if (!bpf::exists(path)) continue;
    auto program = bpf::open_pinned(path);
    if (!program) continue;  // a version that was just replaced
    auto collected = bpf::open_pinned(paths.maps() / "ct_collected");
    if (!collected) return std::unexpected(collected.error());
    return CollectProgram(std::move(*program), std::move(*collected));
  }
  return fail("no datapath is loaded: there is no program " +
              std::string(endpoint::kCollectProgram) + " in " + paths.programs().string());
}

Result<std::uint64_t> CollectProgram::now() const {
  const auto answer = run({.overflowed = CT_OVERFLOWED_KEEP});
  if (!answer) return std::unexpected(answer.error());
  return answer->now;
}

Result<void> CollectProgram::set_overflowed(bool overflowed) const {
  const auto answer = run({.overflowed = overflowed ? 1U : 0U});
  if (!answer) return std::unexpected(answer.error());
  return {};
}

Result<ct_collected_value> CollectProgram::run(const ct_collect_head& head) const {
  std::array<std::uint8_t, kSmallest> packet{};
  std::copy(kNoProtocol.begin(), kNoProtocol.end(), packet.begin() + kEtherType);
  std::memcpy(packet.data() + kEthernetHeader, &head, sizeof head);
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = packet.data();
  options.data_size_in = packet.size();
  const std::string what = "run program " + std::string(endpoint::kCollectProgram);
  if (const int status = bpf_prog_test_run_opts(program_.get(), &options); status != 0)
    return bpf::fail_errno(what, status);
  if (options.retval != 0) return fail("cannot " + what + ": it did not take its input");
  const auto answer = collected_.lookup(0);
  if (!answer) return std::unexpected(answer.error());
  return **answer;  // an array always has its element
}

}  // namespace policyc::conntrack
