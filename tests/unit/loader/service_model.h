#pragma once
// The maps of services without a kernel: single writes, and readers that see any of their states.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/service/desired.h"
#include "loader/service/snapshot.h"

namespace policyc::testing {

using service::DesiredService;
using service::FrontendKey;
using service::Snapshot;
using service::Write;

[[nodiscard]] Snapshot empty_maps(std::uint32_t frontends, std::uint32_t services,
                                  std::uint32_t slots, std::uint32_t backends);

// Carries out one write. What a write may never do, whoever reads meanwhile, is told in `broken`.
void apply_write(Snapshot& maps, const Write& write, std::vector<std::string>& broken);

[[nodiscard]] const frontend_value* find_frontend(const Snapshot& maps, const FrontendKey& key);

// address:port of a backend, with its protocol.
using BackendName = std::string;
[[nodiscard]] BackendName name_of(const backend_value& value);
[[nodiscard]] BackendName name_of(const service::Backend& backend, std::uint8_t protocol);

// Whom new connections to a frontend are given, from the desired state.
[[nodiscard]] std::set<BackendName> takers(const DesiredService& service,
                                           std::optional<std::size_t> set);

// By number of a service: the backends in its slots; nothing when one of them is free, of another
// service, or twice there.
[[nodiscard]] std::optional<std::set<BackendName>> listed(const Snapshot& maps,
                                                          std::uint32_t service);

}  // namespace policyc::testing
