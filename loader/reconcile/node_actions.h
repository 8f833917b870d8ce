#pragma once
// What a plan is carried out with. Tests put something else in the kernel's place.

#include <memory>
#include <span>
#include <vector>

#include "compiler/support/result.h"
#include "loader/endpoint/load.h"
#include "loader/endpoint/update.h"
#include "loader/reconcile/node_session.h"
#include "loader/reconcile/plan.h"

namespace policyc::reconcile {

using InventoryRef = std::shared_ptr<const endpoint::Inventory>;

class NodeActions {
 public:
  NodeActions() = default;
  NodeActions(const NodeActions&) = delete;
  NodeActions& operator=(const NodeActions&) = delete;
  virtual ~NodeActions() = default;

  // The node as it is.
  [[nodiscard]] virtual Result<Actual> read() = 0;
  // The inventory that the node's addresses are labelled by; nothing: there is none.
  [[nodiscard]] virtual Result<InventoryRef> read_inventory() = 0;
  // Makes a node of which nothing is there yet: what the next change finds done. Returns at once,
  // whether it began.
  [[nodiscard]] virtual bool prepare(const endpoint::LoadRequest& /*node*/) { return false; }
  // One change each. `inventory`: what exists from now on; nothing: as before.
  [[nodiscard]] virtual Result<std::vector<endpoint::LoadReport>> load(
      std::span<endpoint::LoadRequest> requests, const InventoryRef& inventory) = 0;
  [[nodiscard]] virtual Result<endpoint::UpdateReport> update(endpoint::UpdateRequest request,
                                                              const InventoryRef& inventory) = 0;
  [[nodiscard]] virtual Result<PeersReport> change_peers(const InventoryRef& before,
                                                         const InventoryRef& after) = 0;
  // When nothing else is to do: puts to disk what changes left in memory; without it a later start
  // repairs the node.
  [[nodiscard]] virtual Result<void> settle() { return {}; }
  // The interface of an endpoint has got a queue (`queued`), or may have lost it.
  [[nodiscard]] virtual Result<void> follow_queue(const endpoint::EndpointRecord& /*record*/,
                                                  bool /*queued*/) {
    return {};
  }
  // What is missing of an endpoint in the kernel; empty: it is enforced.
  [[nodiscard]] virtual Result<std::string> check(const endpoint::EndpointRecord& record) = 0;
};

}  // namespace policyc::reconcile
