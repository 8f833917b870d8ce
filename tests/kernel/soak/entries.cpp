#include "tests/kernel/soak/entries.h"

#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>

namespace policyc::soak {
namespace {

using kernel_test::Datapath;
using reference::Tuple;

template <class Key>
Key key_of(const Tuple& tuple) {
  Key key{};
  std::memcpy(&key.local_address, tuple.local.bytes.data(), sizeof key.local_address);
  std::memcpy(&key.remote_address, tuple.remote.bytes.data(), sizeof key.remote_address);
  key.local_port = htons(tuple.local_port);
  key.remote_port = htons(tuple.echo ? static_cast<std::uint16_t>(*tuple.echo) : tuple.remote_port);
  key.protocol = tuple.protocol;
  return key;
}

}  // namespace

Tuple tuple_in(const Bytes& frame, policyc_direction direction) {
  return reference::tuple_of(reference::parse(frame), direction);
}

std::optional<ct_value> lookup(const Datapath& datapath, const Tuple& tuple) {
  return tuple.local.family == 4 ? datapath.entries4().lookup(key_of<ct4_key>(tuple))
                                 : datapath.entries6().lookup(key_of<ct6_key>(tuple));
}

void update(const Datapath& datapath, const Tuple& tuple, const ct_value& value) {
  if (!(tuple.local.family == 4 ? datapath.entries4().put(key_of<ct4_key>(tuple), value)
                                : datapath.entries6().put(key_of<ct6_key>(tuple), value)))
    throw std::runtime_error("no room");
}

void edit_all(const Datapath& datapath, const std::function<void(ct_value&)>& edit) {
  const auto edit_each = [&edit](const auto& entries) {
    for (auto slot : entries.all()) {
      edit(slot.value);
      if (!entries.put(slot.key, slot.value)) throw std::runtime_error("no room");
    }
  };
  edit_each(datapath.entries4());
  edit_each(datapath.entries6());
}

std::size_t remove_expired(const Datapath& datapath, std::uint64_t now) {
  std::size_t removed = 0;
  const auto remove = [&](const auto& table) {
    for (std::size_t slot = 0; slot < table.capacity(); ++slot) {
      if (table.end(slot, now) != maps::Found::Ended) continue;
      table.release(slot);
      ++removed;
    }
  };
  remove(datapath.entries4().table());
  remove(datapath.entries6().table());
  return removed;
}

}  // namespace policyc::soak
