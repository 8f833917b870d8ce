#pragma once
// Frontends and backends as text and JSON: what the maps hold (list, get, `bpf lb list`) and what
// manifests ask for (check) look alike.

#include <iosfwd>
#include <vector>

#include "compiler/service/desired.h"
#include "loader/service/listing.h"

namespace policyc::cli {

// What the maps would hold.
[[nodiscard]] std::vector<service::ListedFrontend> as_listed(
    const std::vector<service::DesiredService>& services);

// One line for each service.
void print_services(const std::vector<service::ListedFrontend>& frontends, std::ostream& out);
// One line for each frontend and scope, its backends below.
void print_frontends(const std::vector<service::ListedFrontend>& frontends, std::ostream& out);
// An array of frontends. `numbers`: those of the maps, too.
void print_frontends_json(const std::vector<service::ListedFrontend>& frontends, bool numbers,
                          std::ostream& out);

}  // namespace policyc::cli
