#pragma once
// A change of a node that brings no policy: endpoints go, what exists in the cluster changes, a
// change that was cut short is finished.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "loader/endpoint/deny_response.h"
#include "loader/endpoint/inventory.h"
#include "loader/endpoint/node.h"
#include "loader/endpoint/paths.h"

namespace policyc::endpoint {

struct UpdateRequest {
  std::vector<std::uint16_t> removed{};  // ids of endpoints whose policies are taken off
  std::optional<Inventory> inventory{};  // everything that exists; nothing: as before
  std::optional<DenyResponse> deny_response{};
  std::span<const std::uint8_t> datapath{};  // endpoints run these programs; empty: as before
  Progress progress{};
};

struct UpdateReport {
  std::size_t removed = 0;
  std::uint32_t epoch = 0;
  maps::IpCacheChange ipcache;
  std::vector<std::string> grown;  // keys of larger generations that endpoints run now
  std::vector<Starved> starved;
  FileStamp inventory;  // of the file that was written, before another process could change it
  Shared<std::vector<policy::ClusterNode>> known_nodes{};  // that it has (Inventory)
};

// Makes all of it one change, in the order of node.h; needs maps that are there. An id that no
// endpoint has is fine. After an Error of a step before the endpoints go nothing has changed; after
// a later one the state is dirty, and the next change finishes it. `left` gets the node as a change
// that succeeds leaves it.
[[nodiscard]] Result<UpdateReport> update_node(const Paths& paths, const UpdateRequest& request,
                                               std::optional<Node>* left = nullptr);

}  // namespace policyc::endpoint
