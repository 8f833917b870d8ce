#pragma once
// "local_backends": backends of this node by service and address, for what comes wrapped to one.
// An index alone: programs look at the backend, so an entry too many is harmless.

#include <span>
#include <vector>

#include "compiler/support/result.h"
#include "loader/maps/service_maps.h"
#include "loader/service/write.h"

namespace policyc::service {

// After writes that are all PutBackend.
[[nodiscard]] Result<void> index_backends(const maps::ServiceMaps& maps,
                                          std::span<const Write> written);
// The index of these backends (by number), whatever it was: a process may have died before it wrote
// the last of it.
[[nodiscard]] Result<void> index_all_backends(const maps::ServiceMaps& maps,
                                              const std::vector<backend_value>& backends);

}  // namespace policyc::service
