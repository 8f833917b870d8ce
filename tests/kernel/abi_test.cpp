// The layouts in the loaded object's BTF are those that C++ has: same members, same offsets, same
// sizes.
#include <string>
#include <vector>

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include "tests/kernel/datapath.h"

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
        MEMBER(policy_scratch, epoch), MEMBER(policy_scratch, connection),
        MEMBER(policy_scratch, continuation)}},
      {"policy_rows_value", sizeof(policy_rows_value), {MEMBER(policy_rows_value, row)}},
      {"endpoint_value",
       sizeof(endpoint_value),
       {MEMBER(endpoint_value, identity), MEMBER(endpoint_value, endpoint_id),
        MEMBER(endpoint_value, flags), MEMBER(endpoint_value, ipv4),
        MEMBER(endpoint_value, policy_slot), MEMBER(endpoint_value, ipv6),
        MEMBER(endpoint_value, shape_tag)}},
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
       {MEMBER(ipcache_value, identity), MEMBER(ipcache_value, peer_class)}},
      {"node_config_value",
       sizeof(node_config_value),
       {MEMBER(node_config_value, policy_epoch), MEMBER(node_config_value, world4_identity),
        MEMBER(node_config_value, world4_class), MEMBER(node_config_value, world6_identity),
        MEMBER(node_config_value, world6_class), MEMBER(node_config_value, flags)}},
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
       {MEMBER(ct_value, expires_ns), MEMBER(ct_value, policy_epoch), MEMBER(ct_value, decision),
        MEMBER(ct_value, peer_identity), MEMBER(ct_value, direction), MEMBER(ct_value, flags),
        MEMBER(ct_value, tcp_flags_orig), MEMBER(ct_value, tcp_flags_reply),
        MEMBER(ct_value, packets), MEMBER(ct_value, bytes)}},
      {"fragment_key",
       sizeof(fragment_key),
       {MEMBER(fragment_key, source), MEMBER(fragment_key, destination), MEMBER(fragment_key, id),
        MEMBER(fragment_key, protocol), MEMBER(fragment_key, family), MEMBER(fragment_key, pad)}},
      {"fragment_value",
       sizeof(fragment_value),
       {MEMBER(fragment_value, source_port), MEMBER(fragment_value, destination_port)}},
      {"metrics_key",
       sizeof(metrics_key),
       {MEMBER(metrics_key, reason), MEMBER(metrics_key, direction), MEMBER(metrics_key, pad)}},
      {"metrics_value",
       sizeof(metrics_value),
       {MEMBER(metrics_value, packets), MEMBER(metrics_value, bytes)}},
      {"event", sizeof(event), {MEMBER(event, time_ns),          MEMBER(event, type),
                                MEMBER(event, reason),           MEMBER(event, direction),
                                MEMBER(event, family),           MEMBER(event, decision),
                                MEMBER(event, shape_tag),        MEMBER(event, local_identity),
                                MEMBER(event, peer_identity),    MEMBER(event, interface_index),
                                MEMBER(event, endpoint_id),      MEMBER(event, source_port),
                                MEMBER(event, destination_port), MEMBER(event, protocol),
                                MEMBER(event, tcp_flags),        MEMBER(event, source),
                                MEMBER(event, destination),      MEMBER(event, length),
                                MEMBER(event, audited),          MEMBER(event, pad)}},
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
           MapLayout{"endpoints", BPF_MAP_TYPE_HASH, 4, sizeof(endpoint_value)},
           MapLayout{"node_config", BPF_MAP_TYPE_ARRAY, 4, sizeof(node_config_value)},
           MapLayout{"ipcache4", BPF_MAP_TYPE_HASH, sizeof(ipcache4_key), sizeof(ipcache_value)},
           MapLayout{"ipcache6", BPF_MAP_TYPE_HASH, sizeof(ipcache6_key), sizeof(ipcache_value)},
           MapLayout{"ipcache4_prefix", BPF_MAP_TYPE_LPM_TRIE, sizeof(ipcache4_prefix_key),
                     sizeof(ipcache_value)},
           MapLayout{"ipcache6_prefix", BPF_MAP_TYPE_LPM_TRIE, sizeof(ipcache6_prefix_key),
                     sizeof(ipcache_value)},
           MapLayout{"conntrack4", BPF_MAP_TYPE_LRU_HASH, sizeof(ct4_key), sizeof(ct_value)},
           MapLayout{"conntrack6", BPF_MAP_TYPE_LRU_HASH, sizeof(ct6_key), sizeof(ct_value)},
           MapLayout{"fragments", BPF_MAP_TYPE_LRU_HASH, sizeof(fragment_key),
                     sizeof(fragment_value)},
           MapLayout{"metrics", BPF_MAP_TYPE_PERCPU_HASH, sizeof(metrics_key),
                     sizeof(metrics_value)},
           MapLayout{"forwarded", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(metrics_value)},
           MapLayout{"events", BPF_MAP_TYPE_RINGBUF, 0, 0},
           MapLayout{"lost_events", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8},
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
       std::initializer_list<std::pair<const char*, std::uint32_t>>{{"from_endpoint", 30'000},
                                                                    {"to_endpoint", 30'000},
                                                                    {"finish_ingress", 15'000},
                                                                    {"finish_egress", 15'000},
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

// Kernels without the coarse clock: the loader clears the switch.
TEST(Clock, FallsBackToTheFineOne) {
  const auto datapath = Datapath::ready(Policy::AllowAll, [](bpf_object* object) {
    bpf_map* rodata = nullptr;
    bpf_object__for_each_map(rodata, object) {
      if (std::string(bpf_map__name(rodata)).ends_with(".rodata")) break;
    }
    ASSERT_NE(rodata, nullptr);
    const btf* types = bpf_object__btf(object);
    const int section = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
    ASSERT_GT(section, 0);
    const btf_type* type = btf__type_by_id(types, static_cast<std::uint32_t>(section));
    std::size_t bytes = 0;
    auto* data =
        static_cast<std::uint8_t*>(const_cast<void*>(bpf_map__initial_value(rodata, &bytes)));
    bool found = false;
    for (std::uint32_t i = 0; i < btf_vlen(type); ++i) {
      const btf_var_secinfo& variable = btf_var_secinfos(type)[i];
      const char* name =
          btf__name_by_offset(types, btf__type_by_id(types, variable.type)->name_off);
      if (std::string(name) == "have_coarse_clock") {
        data[variable.offset] = 0;
        found = true;
      }
    }
    ASSERT_TRUE(found);
  });
  const Bytes packet = build({Eth{}, Ipv4{.source = kLocal4, .destination = kRemote4}, Tcp{}});
  const std::uint64_t before = coarse_now();
  EXPECT_EQ(datapath->run(Hook::FromEndpoint, packet).action,
            static_cast<std::uint32_t>(POLICYC_PASS));
  const std::uint64_t lifetime =
      datapath->connection(4)->expires_ns - CT_LIFETIME_TCP_SYN * 1'000'000'000ULL;
  EXPECT_GE(lifetime, before);
  // The coarse clock only moves with ticks, which are at least a millisecond apart: never so fine.
  EXPECT_NE(lifetime, coarse_now());
}

}  // namespace
}  // namespace policyc::kernel_test
