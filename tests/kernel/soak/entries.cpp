#include "tests/kernel/soak/entries.h"

#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <bpf/bpf.h>

namespace policyc::soak {

using reference::Tuple;

const char* table(int family) { return family == 4 ? "conntrack4" : "conntrack6"; }

Bytes key_of(const Tuple& tuple) {
  const auto fill = [&](auto key) {
    std::memcpy(&key.local_address, tuple.local.bytes.data(), sizeof key.local_address);
    std::memcpy(&key.remote_address, tuple.remote.bytes.data(), sizeof key.remote_address);
    key.local_port = htons(tuple.local_port);
    key.remote_port =
        htons(tuple.echo ? static_cast<std::uint16_t>(*tuple.echo) : tuple.remote_port);
    key.protocol = tuple.protocol;
    Bytes bytes(sizeof key);
    std::memcpy(bytes.data(), &key, sizeof key);
    return bytes;
  };
  return tuple.local.family == 4 ? fill(ct4_key{}) : fill(ct6_key{});
}

Tuple tuple_in(const Bytes& frame, policyc_direction direction) {
  return reference::tuple_of(reference::parse(frame), direction);
}

std::optional<ct_value> lookup(int map, const Bytes& key) {
  ct_value value{};
  if (bpf_map_lookup_elem(map, key.data(), &value) != 0) return std::nullopt;
  return value;
}

void update(int map, const Bytes& key, const ct_value& value) {
  if (bpf_map_update_elem(map, key.data(), &value, BPF_EXIST) != 0)
    throw std::runtime_error("bpf_map_update_elem");
}

std::vector<Bytes> keys_of(int map, int family) {
  std::vector<Bytes> all;
  Bytes key(family == 4 ? sizeof(ct4_key) : sizeof(ct6_key));
  const void* before = nullptr;
  while (bpf_map_get_next_key(map, before, key.data()) == 0) {
    all.push_back(key);
    before = all.back().data();
  }
  return all;
}

}  // namespace policyc::soak
