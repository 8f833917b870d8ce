#pragma once
// Entries of the connection tables, raw.

#include <optional>
#include <vector>

#include "runtime/abi/abi.h"
#include "tests/kernel/packet.h"
#include "tests/reference/model.h"

namespace policyc::soak {

using kernel_test::Bytes;

// The name of the connection table.
[[nodiscard]] const char* table(int family);
[[nodiscard]] Bytes key_of(const reference::Tuple& tuple);
// As the endpoint sees it out of which the frame comes, or into which it goes.
[[nodiscard]] reference::Tuple tuple_in(const Bytes& frame, policyc_direction direction);
[[nodiscard]] std::optional<ct_value> lookup(int map, const Bytes& key);
// Of an entry that is there.
void update(int map, const Bytes& key, const ct_value& value);
[[nodiscard]] std::vector<Bytes> keys_of(int map, int family);

}  // namespace policyc::soak
