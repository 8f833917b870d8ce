#pragma once
// Connections removed before they expire, because an operator says so.

#include <cstddef>
#include <functional>

#include "compiler/support/result.h"
#include "loader/conntrack/connection.h"
#include "loader/endpoint/paths.h"

namespace policyc::conntrack {

// Ends every living connection that `which` says yes to, and gives their number; next packets are
// asked as first ones, replies too. One that begins while this runs may stay or go. Waits while
// another process removes connections. An Error when nothing is loaded.
[[nodiscard]] Result<std::size_t> flush(const endpoint::Paths& paths,
                                        const std::function<bool(const Connection&)>& which);

}  // namespace policyc::conntrack
