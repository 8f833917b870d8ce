#include "loader/endpoint/unload.h"

#include <string>

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/removal.h"
#include "loader/endpoint/state.h"
#include "loader/endpoint/update.h"

namespace policyc::endpoint {
Result<void> unload_endpoint(const Paths& paths, const std::string& interface) {
  if (!bpf::exists(paths.maps())) return fail("nothing is loaded");
  const auto state = read_state(paths);
  if (!state) return std::unexpected(state.error());
  const EndpointRecord* found = state->find_interface(interface);
  if (found == nullptr) return fail("interface " + interface + " has no endpoint");
  UpdateRequest request;
  request.removed.push_back(found->id);
  const auto report = update_node(paths, request);
  if (!report) return std::unexpected(report.error());
  if (report->removed == 0) return fail("interface " + interface + " has no endpoint");
  return {};
}

Result<std::size_t> unload_all(const Paths& paths) {
  const auto lock = lock_directory(paths.state);
  if (!lock) return std::unexpected(lock.error());
  return remove_all(paths);
}

Result<void> finish_unload(const Paths& paths) {
  if (!is_removal_marked(paths)) return {};
  const auto lock = lock_directory(paths.state);
  if (!lock) return std::unexpected(lock.error());
  return finish_removal(paths);
}

}  // namespace policyc::endpoint
