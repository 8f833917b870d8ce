#include "tests/kernel/ageing.h"

#include <vector>

namespace policyc::kernel_test {
namespace {

// The keys of a hash map, whatever they look like.
std::vector<Bytes> keys(int map) {
  bpf_map_info info{};
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(map, &info, &size) != 0) throw std::runtime_error("map info");
  std::vector<Bytes> all;
  Bytes key(info.key_size);
  const void* before = nullptr;
  while (bpf_map_get_next_key(map, before, key.data()) == 0) {
    all.push_back(key);
    before = all.back().data();
  }
  return all;
}

}  // namespace

void age_connections(const Datapath& datapath, std::uint64_t seconds) {
  for (const char* name : {"conntrack4", "conntrack6"}) {
    const int map = datapath.map(name);
    for (const Bytes& key : keys(map)) {
      ct_value value{};
      if (bpf_map_lookup_elem(map, key.data(), &value) != 0) continue;
      const std::uint64_t change = seconds * 1'000'000'000U;
      value.expires_ns = value.expires_ns > change ? value.expires_ns - change : 0;
      if (bpf_map_update_elem(map, key.data(), &value, BPF_EXIST) != 0)
        throw std::runtime_error(name);
    }
  }
}

void forget_everything(const Datapath& datapath) {
  for (const char* name : {"conntrack4", "conntrack6", "fragments"}) {
    const int map = datapath.map(name);
    for (const Bytes& key : keys(map)) bpf_map_delete_elem(map, key.data());
  }
}

}  // namespace policyc::kernel_test
