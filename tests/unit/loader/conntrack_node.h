#pragma once
// A node with the datapath and one endpoint on the loopback interface, which is where test runs
// are. Its policy allows what it sends and denies what it receives, so what is received passes only
// as a reply.

#include <optional>

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include "loader/conntrack/collect_program.h"
#include "loader/endpoint/datapath.h"
#include "loader/kernel/datapath.h"
#include "loader/testrun/frame.h"
#include "tests/support/connection_entries.h"
#include "tests/unit/loader/programs.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {

class ConntrackTest : public KernelTest {
 protected:
  static constexpr std::uint32_t kSlot = 1;
  static constexpr std::uint16_t kServer = 53;

  void make_node(std::uint32_t connections, std::uint32_t overflow = 1024) {
    maps::MapSizes sizes;
    sizes.conntrack = connections;
    sizes.conntrack_overflow = overflow;
    maps_ = must(maps::NodeMaps::open_or_create(paths_.maps(), sizes));
    const ct_table_value table = *must(maps_->ct_table.lookup(0));
    entries4_.emplace(maps_->conntrack4.fd(), table);
    entries6_.emplace(maps_->conntrack6.fd(), table);
    run_datapath(backend::datapath_object());
    policy_ = must(bpf::Object::open(policy_object(), "policyc_test"));
    must(maps_->share_with(*policy_));
    must(policy_->load());
    std::array<int, 2> programs{};
    for (const std::size_t direction : {0U, 1U}) {
      const std::string name(endpoint::policy_program_name(direction));
      programs[direction] = must(policy_->program_fd(name));
    }
    must(endpoint::fill_slot(maps_->policies, kSlot, programs));
    constexpr std::uint32_t kLoopback = 1;
    endpoint_value value{};
    value.identity = 5001;
    value.endpoint_id = 42;
    value.policy_slot = kSlot;
    const IpAddress v4 = local(false);
    const IpAddress v6 = local(true);
    std::memcpy(&value.ipv4, v4.bytes.data(), sizeof value.ipv4);
    std::memcpy(value.ipv6, v6.bytes.data(), sizeof value.ipv6);
    must(maps_->endpoints.update(kLoopback, value));
  }
  // Loads it, or takes it over from another version.
  void run_datapath(std::span<const std::uint8_t> object) {
    datapath_ = must(endpoint::ensure_datapath(paths_, *maps_, object));
    must(endpoint::install_finish(maps_->policy_finish,
                                  {datapath_->finish[0].get(), datapath_->finish[1].get()}));
    program_ = must(conntrack::CollectProgram::open(paths_));
  }

  static IpAddress local(bool v6) { return *parse_ip_address(v6 ? "fd00::10" : "10.0.0.10"); }
  static IpAddress remote(bool v6) { return *parse_ip_address(v6 ? "fd00::20" : "10.0.0.20"); }

  // A datagram of the endpoint from `port`, or to it; whether it passes.
  bool sends(bool v6, std::uint16_t port) const {
    return passes(attach::Side::FromEndpoint,
                  {local(v6), remote(v6), IPPROTO_UDP, port, kServer, 0});
  }
  bool receives(bool v6, std::uint16_t port) const {
    return passes(attach::Side::ToEndpoint, {remote(v6), local(v6), IPPROTO_UDP, kServer, port, 0});
  }

  template <class Key>
  static constexpr bool kIs6 = sizeof(Key) == sizeof(ct6_key);
  // The endpoint's connection from `port`.
  template <class Key>
  static Key key(std::uint16_t port) {
    Key key{};
    const IpAddress from = local(kIs6<Key>);
    const IpAddress to = remote(kIs6<Key>);
    std::memcpy(&key.local_address, from.bytes.data(), sizeof key.local_address);
    std::memcpy(&key.remote_address, to.bytes.data(), sizeof key.remote_address);
    key.local_port = htons(port);
    key.remote_port = htons(kServer);
    key.protocol = IPPROTO_UDP;
    return key;
  }
  template <class Key>
  const auto& entries() const {
    if constexpr (kIs6<Key>) {
      return *entries6_;
    } else {
      return *entries4_;
    }
  }
  // Of an entry that expires so many ticks from now.
  ct_value value(std::int64_t ticks) const {
    ct_value result{};
    result.expires = must(program_->now()) + static_cast<std::uint64_t>(ticks);
    return result;
  }
  static std::int64_t seconds(std::int64_t count) { return count * kernel::ticks_per_second(); }

  std::optional<maps::NodeMaps> maps_;
  std::optional<test_support::ConnectionEntries4> entries4_;
  std::optional<test_support::ConnectionEntries6> entries6_;
  std::optional<endpoint::Datapath> datapath_;
  std::optional<bpf::Object> policy_;
  std::optional<conntrack::CollectProgram> program_;

 private:
  static backend::Bytes policy_object() {
    return compile_c(R"(#include "runtime/include/generated.h"
int policy_verdict_ingress(const struct policy_context *context)
{
	return context ? POLICYC_DECISION(POLICY_DENY, 1) : POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);
}
int policy_verdict_egress(const struct policy_context *context)
{
	return context ? POLICYC_DECISION(POLICY_ALLOW, 2) : POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);
}
POLICYC_POLICY_PROGRAMS;
)");
  }
  bool passes(attach::Side side, const testrun::FrameSpec& spec) const {
    const auto frame = testrun::make_frame(spec);
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    const int program = datapath_->programs[static_cast<std::size_t>(side)].get();
    if (bpf_prog_test_run_opts(program, &options) != 0)
      throw std::runtime_error("the test run failed");
    return options.retval == static_cast<std::uint32_t>(POLICYC_PASS);
  }
};

}  // namespace policyc::testing
