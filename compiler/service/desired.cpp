#include "compiler/service/desired.h"

namespace policyc::service {

std::vector<std::size_t> takers_of_new_connections(const std::vector<Backend>& backends) {
  std::vector<std::size_t> takers;
  for (const policyc_backend_state state :
       {BACKEND_ACTIVE, BACKEND_TERMINATING, BACKEND_QUARANTINED}) {
    for (std::size_t i = 0; i < backends.size(); ++i) {
      const Backend& backend = backends[i];
      if (backend.state != state || backend.weight == 0) continue;
      if (state != BACKEND_TERMINATING || backend.serving) takers.push_back(i);
    }
    if (!takers.empty()) break;
  }
  return takers;
}

}  // namespace policyc::service
