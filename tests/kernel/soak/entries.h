#pragma once
// Entries of the connection tables, by the model's tuples.

#include <functional>
#include <optional>

#include "runtime/abi/abi.h"
#include "tests/kernel/datapath.h"
#include "tests/reference/model.h"

namespace policyc::soak {

using kernel_test::Bytes;

// As the endpoint sees it out of which the frame comes, or into which it goes.
[[nodiscard]] reference::Tuple tuple_in(const Bytes& frame, policyc_direction direction);
[[nodiscard]] std::optional<ct_value> lookup(const kernel_test::Datapath& datapath,
                                             const reference::Tuple& tuple);
// Of an entry that is there.
void update(const kernel_test::Datapath& datapath, const reference::Tuple& tuple,
            const ct_value& value);
// Changes every entry.
void edit_all(const kernel_test::Datapath& datapath, const std::function<void(ct_value&)>& edit);
// Removes what has expired at `now`; how many.
[[nodiscard]] std::size_t remove_expired(const kernel_test::Datapath& datapath, std::uint64_t now);

}  // namespace policyc::soak
