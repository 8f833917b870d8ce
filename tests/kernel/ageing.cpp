#include "tests/kernel/ageing.h"

#include <functional>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace policyc::kernel_test {
namespace {

// The keys of a hash map, whatever they look like.
std::vector<Bytes> keys(const bpf_map* map) {
  std::vector<Bytes> all;
  Bytes key(bpf_map__key_size(map));
  const void* before = nullptr;
  while (bpf_map_get_next_key(bpf_map__fd(map), before, key.data()) == 0) {
    all.push_back(key);
    before = all.back().data();
  }
  return all;
}

// Calls back for each of the datapath's hash maps whose name begins so.
void each_table(const Datapath& datapath, std::string_view prefix,
                const std::function<void(const bpf_map*)>& callback) {
  std::size_t count = 0;
  const bpf_object* object = datapath.objects().front();
  for (const bpf_map* map = bpf_object__next_map(object, nullptr); map != nullptr;
       map = bpf_object__next_map(object, map)) {
    const bpf_map_type type = bpf_map__type(map);
    if (type != BPF_MAP_TYPE_HASH && type != BPF_MAP_TYPE_LRU_HASH) continue;
    if (!std::string_view(bpf_map__name(map)).starts_with(prefix)) continue;
    ++count;
    callback(map);
  }
  if (count == 0) throw std::runtime_error("no table " + std::string(prefix));
}

void age(ct_value& value, std::uint64_t seconds) {
  const std::uint64_t change = seconds * ticks_per_second();
  value.expires = value.expires > change ? value.expires - change : 0;
  value.refreshed -= static_cast<std::uint32_t>(change);
}

}  // namespace

void age_connections(const Datapath& datapath, std::uint64_t seconds) {
  const auto age_all = [seconds](const auto& entries) {
    for (auto slot : entries.all()) {
      age(slot.value, seconds);
      if (!entries.put(slot.key, slot.value)) throw std::runtime_error("no room");
    }
  };
  age_all(datapath.entries4());
  age_all(datapath.entries6());
  each_table(datapath, "conntrack", [seconds](const bpf_map* map) {
    const int fd = bpf_map__fd(map);
    if (bpf_map__value_size(map) != sizeof(ct_value)) throw std::runtime_error("ct_value");
    for (const Bytes& key : keys(map)) {
      ct_value value{};
      if (bpf_map_lookup_elem(fd, key.data(), &value) != 0) continue;
      age(value, seconds);
      if (bpf_map_update_elem(fd, key.data(), &value, BPF_EXIST) != 0)
        throw std::runtime_error("bpf_map_update_elem");
    }
  });
}

void forget_everything(const Datapath& datapath) {
  datapath.entries4().clear();
  datapath.entries6().clear();
  for (const char* prefix : {"conntrack", "fragments"}) {
    each_table(datapath, prefix, [](const bpf_map* map) {
      for (const Bytes& key : keys(map)) bpf_map_delete_elem(bpf_map__fd(map), key.data());
    });
  }
}

}  // namespace policyc::kernel_test
