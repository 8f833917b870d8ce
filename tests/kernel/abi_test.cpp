// The layouts in the loaded object's BTF are those that C++ has: same members, same offsets, same
// sizes.
#include <string>
#include <vector>

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include "tests/kernel/datapath.h"
#include "tests/kernel/flow.h"

namespace policyc::kernel_test {
namespace {

struct Member {
  const char* name;
  std::size_t offset;
  std::size_t size;
};
struct Layout {
  const char* name;
  std::size_t size;
  std::vector<Member> members;
};

#define MEMBER(type, name) \
  Member { #name, offsetof(type, name), sizeof(type::name) }

std::vector<Layout> layouts() {
  return {
      {"policy_context",
       sizeof(policy_context),
       {MEMBER(policy_context, peer_class), MEMBER(policy_context, peer_identity),
        MEMBER(policy_context, host_port), MEMBER(policy_context, protocol),
        MEMBER(policy_context, family)}},
      {"policy_scratch",
       sizeof(policy_scratch),
       {MEMBER(policy_scratch, context), MEMBER(policy_scratch, decision),
        MEMBER(policy_scratch, epoch), MEMBER(policy_scratch, delivery),
        MEMBER(policy_scratch, continuation)}},
      {"policy_rows_value", sizeof(policy_rows_value), {MEMBER(policy_rows_value, row)}},
      {"endpoint_value",
       sizeof(endpoint_value),
       {MEMBER(endpoint_value, identity), MEMBER(endpoint_value, endpoint_id),
        MEMBER(endpoint_value, flags), MEMBER(endpoint_value, ipv4),
        MEMBER(endpoint_value, policy_slot), MEMBER(endpoint_value, ipv6),
        MEMBER(endpoint_value, shape_tag), MEMBER(endpoint_value, mtu), MEMBER(endpoint_value, mac),
        MEMBER(endpoint_value, host_mac), MEMBER(endpoint_value, pad)}},
      {"ipcache4_key", sizeof(ipcache4_key), {MEMBER(ipcache4_key, address)}},
      {"ipcache6_key", sizeof(ipcache6_key), {MEMBER(ipcache6_key, address)}},
      {"ipcache4_prefix_key",
       sizeof(ipcache4_prefix_key),
       {MEMBER(ipcache4_prefix_key, prefix_length), MEMBER(ipcache4_prefix_key, address)}},
      {"ipcache6_prefix_key",
       sizeof(ipcache6_prefix_key),
       {MEMBER(ipcache6_prefix_key, prefix_length), MEMBER(ipcache6_prefix_key, address)}},
      {"ipcache_value",
       sizeof(ipcache_value),
       {MEMBER(ipcache_value, identity), MEMBER(ipcache_value, peer_class),
        MEMBER(ipcache_value, interface_index)}},
      {"node_config_value",
       sizeof(node_config_value),
       {MEMBER(node_config_value, policy_epoch), MEMBER(node_config_value, world4_identity),
        MEMBER(node_config_value, world4_class), MEMBER(node_config_value, world6_identity),
        MEMBER(node_config_value, world6_class), MEMBER(node_config_value, flags),
        MEMBER(node_config_value, events_per_tick), MEMBER(node_config_value, event_burst)}},
      {"ct4_key",
       sizeof(ct4_key),
       {MEMBER(ct4_key, local_address), MEMBER(ct4_key, remote_address),
        MEMBER(ct4_key, local_port), MEMBER(ct4_key, remote_port), MEMBER(ct4_key, protocol),
        MEMBER(ct4_key, pad)}},
      {"ct6_key",
       sizeof(ct6_key),
       {MEMBER(ct6_key, local_address), MEMBER(ct6_key, remote_address),
        MEMBER(ct6_key, local_port), MEMBER(ct6_key, remote_port), MEMBER(ct6_key, protocol),
        MEMBER(ct6_key, pad)}},
      {"ct_value",
       sizeof(ct_value),
       {MEMBER(ct_value, expires), MEMBER(ct_value, policy_epoch), MEMBER(ct_value, decision),
        MEMBER(ct_value, peer_identity), MEMBER(ct_value, direction), MEMBER(ct_value, flags),
        MEMBER(ct_value, tcp_flags_orig), MEMBER(ct_value, tcp_flags_reply),
        MEMBER(ct_value, deliver_to), MEMBER(ct_value, refreshed), MEMBER(ct_value, packets),
        MEMBER(ct_value, bytes), MEMBER(ct_value, frontend), MEMBER(ct_value, backend),
        MEMBER(ct_value, generation), MEMBER(ct_value, reserved)}},
      {"ct_pressure_value",
       sizeof(ct_pressure_value),
       {MEMBER(ct_pressure_value, full), MEMBER(ct_pressure_value, overflowed),
        MEMBER(ct_pressure_value, pad)}},
      {"ct_collected_value", sizeof(ct_collected_value), {MEMBER(ct_collected_value, now)}},
      {"ct_bucket",
       sizeof(ct_bucket),
       {MEMBER(ct_bucket, tags), MEMBER(ct_bucket, lock), MEMBER(ct_bucket, guests),
        MEMBER(ct_bucket, reserved)}},
      {"ct4_slot", sizeof(ct4_slot), {MEMBER(ct4_slot, key), MEMBER(ct4_slot, value)}},
      {"ct6_slot", sizeof(ct6_slot), {MEMBER(ct6_slot, key), MEMBER(ct6_slot, value)}},
      {"ct4_bucket", sizeof(ct4_bucket), {MEMBER(ct4_bucket, head), MEMBER(ct4_bucket, slots)}},
      {"ct6_bucket", sizeof(ct6_bucket), {MEMBER(ct6_bucket, head), MEMBER(ct6_bucket, slots)}},
      {"ct_table_value",
       sizeof(ct_table_value),
       {MEMBER(ct_table_value, last_bucket), MEMBER(ct_table_value, seed)}},
      {"fragment_key",
       sizeof(fragment_key),
       {MEMBER(fragment_key, source), MEMBER(fragment_key, destination), MEMBER(fragment_key, id),
        MEMBER(fragment_key, protocol), MEMBER(fragment_key, family), MEMBER(fragment_key, pad)}},
      {"fragment_value",
       sizeof(fragment_value),
       {MEMBER(fragment_value, source_port), MEMBER(fragment_value, destination_port)}},
      {"metrics_value",
       sizeof(metrics_value),
       {MEMBER(metrics_value, packets), MEMBER(metrics_value, bytes)}},
      {"traffic_value",
       sizeof(traffic_value),
       {MEMBER(traffic_value, passed), MEMBER(traffic_value, dropped)}},
      {"rule_hit_key",
       sizeof(rule_hit_key),
       {MEMBER(rule_hit_key, shape_tag), MEMBER(rule_hit_key, decision),
        MEMBER(rule_hit_key, direction)}},
      {"recent_hit_value",
       sizeof(recent_hit_value),
       {MEMBER(recent_hit_value, key), MEMBER(recent_hit_value, pad),
        MEMBER(recent_hit_value, hits)}},
      {"event_head",
       sizeof(event_head),
       {MEMBER(event_head, written), MEMBER(event_head, limited), MEMBER(event_head, refilled),
        MEMBER(event_head, allowance), MEMBER(event_head, pad), MEMBER(event_head, tick),
        MEMBER(event_head, tick_ns), MEMBER(event_head, reserved)}},
      {"event", sizeof(event), {MEMBER(event, time_ns),          MEMBER(event, type),
                                MEMBER(event, reason),           MEMBER(event, direction),
                                MEMBER(event, family),           MEMBER(event, decision),
                                MEMBER(event, shape_tag),        MEMBER(event, local_identity),
                                MEMBER(event, peer_identity),    MEMBER(event, interface_index),
                                MEMBER(event, endpoint_id),      MEMBER(event, source_port),
                                MEMBER(event, destination_port), MEMBER(event, protocol),
                                MEMBER(event, tcp_flags),        MEMBER(event, source),
                                MEMBER(event, destination),      MEMBER(event, length),
                                MEMBER(event, audited),          MEMBER(event, connection),
                                MEMBER(event, icmp_code),        MEMBER(event, pad)}},
  };
}
#undef MEMBER

TEST(Abi, BtfHasTheLayoutsOfCpp) {
  const Datapath datapath(Policy::Matrix);
  for (const Layout& layout : layouts()) {
    SCOPED_TRACE(layout.name);
    const btf* types = nullptr;
    int id = -1;
    for (const bpf_object* object : datapath.objects()) {
      types = bpf_object__btf(object);
      if (types != nullptr) id = btf__find_by_name_kind(types, layout.name, BTF_KIND_STRUCT);
      if (id > 0) break;
    }
    ASSERT_GT(id, 0);
    const btf_type* type = btf__type_by_id(types, static_cast<std::uint32_t>(id));
    EXPECT_EQ(type->size, layout.size);
    ASSERT_EQ(btf_vlen(type), layout.members.size());
    for (std::uint32_t i = 0; i < btf_vlen(type); ++i) {
      const btf_member& member = btf_members(type)[i];
      EXPECT_STREQ(btf__name_by_offset(types, member.name_off), layout.members[i].name);
      EXPECT_EQ(btf_member_bit_offset(type, i), layout.members[i].offset * 8)
          << layout.members[i].name;
      EXPECT_EQ(btf__resolve_size(types, member.type),
                static_cast<std::int64_t>(layout.members[i].size))
          << layout.members[i].name;
    }
  }
}

struct MapLayout {
  const char* name;
  bpf_map_type type;
  std::size_t key;
  std::size_t value;
};

TEST(Abi, MapsHaveTheSizesOfCpp) {
  const Datapath datapath(Policy::Matrix);
  for (const MapLayout& expected : {
           MapLayout{"endpoints", BPF_MAP_TYPE_ARRAY, 4, sizeof(endpoint_value)},
           MapLayout{"endpoints_beyond", BPF_MAP_TYPE_HASH, 4, sizeof(endpoint_value)},
           MapLayout{"node_config", BPF_MAP_TYPE_ARRAY, 4, sizeof(node_config_value)},
           MapLayout{"ipcache4", BPF_MAP_TYPE_HASH, sizeof(ipcache4_key), sizeof(ipcache_value)},
           MapLayout{"ipcache6", BPF_MAP_TYPE_HASH, sizeof(ipcache6_key), sizeof(ipcache_value)},
           MapLayout{"ipcache4_prefix", BPF_MAP_TYPE_LPM_TRIE, sizeof(ipcache4_prefix_key),
                     sizeof(ipcache_value)},
           MapLayout{"ipcache6_prefix", BPF_MAP_TYPE_LPM_TRIE, sizeof(ipcache6_prefix_key),
                     sizeof(ipcache_value)},
           MapLayout{"conntrack4", BPF_MAP_TYPE_ARRAY, 4, sizeof(ct4_bucket)},
           MapLayout{"conntrack6", BPF_MAP_TYPE_ARRAY, 4, sizeof(ct6_bucket)},
           MapLayout{"ct_table", BPF_MAP_TYPE_ARRAY, 4, sizeof(ct_table_value)},
           MapLayout{"conntrack4_overflow", BPF_MAP_TYPE_LRU_HASH, sizeof(ct4_key),
                     sizeof(ct_value)},
           MapLayout{"conntrack6_overflow", BPF_MAP_TYPE_LRU_HASH, sizeof(ct6_key),
                     sizeof(ct_value)},
           MapLayout{"ct_pressure", BPF_MAP_TYPE_ARRAY, 4, sizeof(ct_pressure_value)},
           MapLayout{"ct_collected", BPF_MAP_TYPE_ARRAY, 4, sizeof(ct_collected_value)},
           MapLayout{"fragments", BPF_MAP_TYPE_LRU_HASH, sizeof(fragment_key),
                     sizeof(fragment_value)},
           MapLayout{"metrics", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(metrics_value)},
           MapLayout{"traffic", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(traffic_value)},
           MapLayout{"rule_hits", BPF_MAP_TYPE_PERCPU_HASH, sizeof(rule_hit_key),
                     sizeof(metrics_value)},
           MapLayout{"recent_hits", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(recent_hit_value)},
           MapLayout{"event_heads", BPF_MAP_TYPE_ARRAY, 4, sizeof(event_head)},
           MapLayout{"event_slots", BPF_MAP_TYPE_ARRAY, 4, sizeof(event)},
           MapLayout{"policy_scratch", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(policy_scratch)},
           MapLayout{"policies", BPF_MAP_TYPE_PROG_ARRAY, 4, 4},
           MapLayout{"policy_finish", BPF_MAP_TYPE_PROG_ARRAY, 4, 4},
           MapLayout{"policy_rows_in", BPF_MAP_TYPE_ARRAY, 4, sizeof(policy_rows_value)},
           MapLayout{"policy_rows_out", BPF_MAP_TYPE_ARRAY, 4, sizeof(policy_rows_value)},
       }) {
    bool found = false;
    // Every object that declares it: they share it.
    for (const bpf_object* object : datapath.objects()) {
      const bpf_map* map = bpf_object__find_map_by_name(object, expected.name);
      if (map == nullptr) continue;
      found = true;
      EXPECT_EQ(bpf_map__type(map), expected.type) << expected.name;
      EXPECT_EQ(bpf_map__key_size(map), expected.key) << expected.name;
      EXPECT_EQ(bpf_map__value_size(map), expected.value) << expected.name;
    }
    EXPECT_TRUE(found) << expected.name;
  }
}

// The verifier's work per program, and what it may at most become: limits of ours, far below the
// kernel's million. What is loaded once for each shape has to be small.
TEST(Verifier, ProcessedInstructions) {
  const Datapath datapath(Policy::Matrix);
  for (const auto& [name, limit] :
       std::initializer_list<std::pair<const char*, std::uint32_t>>{{"from_endpoint", 60'000},
                                                                    {"to_endpoint", 60'000},
                                                                    {"finish_ingress", 30'000},
                                                                    {"finish_egress", 30'000},
                                                                    {"policy_ingress", 300},
                                                                    {"policy_egress", 300}}) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    ASSERT_EQ(bpf_obj_get_info_by_fd(datapath.program(name), &info, &size), 0);
    std::printf("%s: %u instructions, verifier processed %u, %u bytes of machine code\n", name,
                info.xlated_prog_len / 8, info.verified_insns, info.jited_prog_len);
    EXPECT_GT(info.verified_insns, 0U);
    EXPECT_LT(info.verified_insns, limit) << name;
  }
}

// What older kernels lack must not even be in the program: the verifier would refuse it.
TEST(Constants, WithoutNewerHelpersTheProgramsLoadAndWork) {
  const auto datapath = Datapath::ready(Policy::AllowAll, [](bpf_object* object) {
    set_constant(object, "have_coarse_clock", 0);
    set_constant(object, "have_redirect_peer", 0);
  });
  datapath->set_config(NODE_TRACE_VERDICTS | NODE_LOCAL_DELIVERY);
  const Bytes packet = build({Eth{}, Ipv4{.source = kLocal4, .destination = kRemote4}, Tcp{}});
  timespec before{}, after{};
  clock_gettime(CLOCK_MONOTONIC, &before);
  EXPECT_EQ(datapath->run(Hook::FromEndpoint, packet).action,
            static_cast<std::uint32_t>(POLICYC_PASS));
  clock_gettime(CLOCK_MONOTONIC, &after);
  const auto nanoseconds = [](const timespec& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(time.tv_nsec);
  };
  const auto events = datapath->drain_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_GE(events[0].time_ns, nanoseconds(before)) << "the coarse clock would be behind";
  EXPECT_LE(events[0].time_ns, nanoseconds(after));
}

// As on machines whose stores are not seen in order.
TEST(Constants, WithBarriersConnectionsAreKept) {
  const auto datapath = Datapath::ready(
      Policy::Matrix, [](bpf_object* object) { set_constant(object, "have_store_order", 0); });
  for (const int family : {4, 6}) {
    const Way way{Hook::FromEndpoint, family};
    expect_pass(*datapath, way.hook, tcp(way, kSyn));
    expect_pass(*datapath, opposite(way.hook), tcp_reply(way, kSyn | kAck));
    EXPECT_TRUE(datapath->connection(family));
  }
}

std::uint32_t instructions(const Datapath& datapath, const char* program) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof(info);
  EXPECT_EQ(bpf_obj_get_info_by_fd(datapath.program(program), &info, &size), 0);
  return info.xlated_prog_len / 8;
}

TEST(Constants, WithoutIpv6ThereIsNoCodeForIt) {
  const auto both = Datapath::ready(Policy::AllowAll);
  const auto only4 = Datapath::ready(
      Policy::AllowAll, [](bpf_object* object) { set_constant(object, "have_ipv6", 0); });
  for (const char* program : {"from_endpoint", "to_endpoint", "finish_egress", "finish_ingress"})
    EXPECT_LT(instructions(*only4, program), instructions(*both, program)) << program;
  const Bytes four = build({Eth{}, Ipv4{.source = kLocal4, .destination = kRemote4}, Tcp{}});
  EXPECT_EQ(only4->run(Hook::FromEndpoint, four).action, static_cast<std::uint32_t>(POLICYC_PASS));
  const Bytes six =
      build({Eth{.ethertype = 0x86dd}, Ipv6{.source = kLocal6, .destination = kRemote6}, Tcp{}});
  EXPECT_EQ(only4->run(Hook::FromEndpoint, six).action, static_cast<std::uint32_t>(POLICYC_DROP));
  EXPECT_EQ(only4->metric(DROP_UNKNOWN_ETHERTYPE, POLICYC_EGRESS).packets, 1U);
}

}  // namespace
}  // namespace policyc::kernel_test
