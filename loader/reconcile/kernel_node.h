#pragma once
// The node of this kernel: plans are carried out through loader/endpoint.

#include <future>
#include <memory>
#include <optional>

#include "loader/endpoint/node.h"
#include "loader/endpoint/paths.h"
#include "loader/reconcile/node_actions.h"

namespace policyc::reconcile {

class KernelNode : public NodeActions {
 public:
  // `progress` is told each step of each change.
  explicit KernelNode(endpoint::Paths paths, endpoint::Progress progress = {})
      : paths_(std::move(paths)), progress_(std::move(progress)) {}

  [[nodiscard]] Result<Actual> read() override;
  [[nodiscard]] Result<InventoryRef> read_inventory() override;
  [[nodiscard]] bool prepare(const endpoint::LoadRequest& node) override;
  [[nodiscard]] Result<std::vector<endpoint::LoadReport>> load(
      std::span<endpoint::LoadRequest> requests, const InventoryRef& inventory) override;
  [[nodiscard]] Result<endpoint::UpdateReport> update(endpoint::UpdateRequest request,
                                                      const InventoryRef& inventory) override;
  [[nodiscard]] Result<PeersReport> change_peers(const InventoryRef& before,
                                                 const InventoryRef& after) override;

  [[nodiscard]] Result<void> settle() override;
  [[nodiscard]] Result<void> follow_queue(const endpoint::EndpointRecord& record,
                                          bool queued) override;
  [[nodiscard]] Result<std::string> check(const endpoint::EndpointRecord& record) override;

 private:
  void keep(InventoryRef inventory, const endpoint::FileStamp& stamp);
  void forget() { kept_ = nullptr; }
  // Nothing of it is used any more: the next change repairs what it left.
  void drop_session();
  // The session goes on where a whole change ended.
  void follow(std::optional<endpoint::Node>& node, const InventoryRef& inventory);
  [[nodiscard]] Result<void> open_session(const std::string& cluster);
  [[nodiscard]] Result<void> write_out();
  [[nodiscard]] Result<void> end_session();
  // What the node is labelled by, as far as it is known here.
  [[nodiscard]] InventoryRef known_inventory() const;
  void settle_at_once();
  // The same changes at the cost of what they are about. Nothing: it takes a whole one.
  [[nodiscard]] std::optional<std::vector<endpoint::LoadReport>> place(
      std::span<const endpoint::LoadRequest> requests, const InventoryRef& inventory);
  [[nodiscard]] std::optional<endpoint::UpdateReport> remove(const endpoint::UpdateRequest& request,
                                                             const InventoryRef& inventory);
  // Whatever touches the node waits for that. What went wrong the next change meets again.
  void end_preparation();
  // What an upgrade set aside goes as far as it can.
  void retire() const;

  endpoint::Paths paths_;
  endpoint::Progress progress_;
  std::unique_ptr<NodeSession> session_;
  InventoryRef session_inventory_;  // what its changes led to; nothing: it is closed
  InventoryRef kept_;  // what the disk has, while that file is there; nothing: nobody knows
  endpoint::FileStamp kept_stamp_;
  KnownNodes known_nodes_;  // that it has
  std::optional<AddressCounts> counts_;
  InventoryRef counted_;
  NamedAddresses named_;
  std::future<void> preparation_;
};

}  // namespace policyc::reconcile
