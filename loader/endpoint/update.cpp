#include "loader/endpoint/update.h"

#include <algorithm>

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/inventory_file.h"

namespace policyc::endpoint {
namespace {

Result<void> set_deny_response(const Node& node, DenyResponse response) {
  auto config = node.maps().config();
  if (!config) return std::unexpected(config.error());
  const std::uint32_t flags = with_deny_response(config->flags, response);
  if (flags == config->flags) return {};
  config->flags = flags;
  return node.maps().set_config(*config);
}

}  // namespace

Result<UpdateReport> update_node(const Paths& paths, const UpdateRequest& request,
                                 std::optional<Node>* left) {
  if (!bpf::exists(paths.maps())) return fail("nothing is loaded");
  auto node = Node::open(paths, maps::MapSizes{}, request.progress);
  if (!node) return std::unexpected(node.error());
  auto inventory = read_inventory(paths);
  if (request.inventory) {
    // What services know of nodes stays as it is; a damaged file is replaced.
    const auto nodes =
        inventory ? inventory->known_nodes : Shared<std::vector<policy::ClusterNode>>{};
    inventory = *request.inventory;
    inventory->known_nodes = nodes;
  }
  if (!inventory) return std::unexpected(inventory.error());
  if (!request.datapath.empty()) {
    if (auto used = node->use_datapath(request.datapath); !used)
      return std::unexpected(used.error());
  }
  State next = node->state();
  UpdateReport report;
  for (const EndpointRecord& record : node->state().endpoints) {
    if (std::ranges::find(request.removed, record.id) == request.removed.end()) continue;
    if (auto removed = remove_endpoint(paths, node->maps(), record); !removed)
      return std::unexpected(removed.error());
    node->report("removed");
    std::erase_if(next.endpoints,
                  [&record](const EndpointRecord& other) { return other.id == record.id; });
    ++report.removed;
  }
  const auto shapes = node->shapes_of(next);
  if (!shapes) return std::unexpected(shapes.error());
  const auto book = label_addresses(*inventory, *shapes);
  if (auto planned = node->plan(next, book); !planned) return std::unexpected(planned.error());
  auto applied = node->apply(std::move(next), *inventory);
  if (!applied) return std::unexpected(applied.error());
  report.ipcache = applied->ipcache;
  report.grown = std::move(applied->grown);
  report.starved = std::move(applied->starved);
  report.inventory = applied->inventory;
  report.known_nodes = inventory->known_nodes;
  if (request.deny_response) {
    if (auto set = set_deny_response(*node, *request.deny_response); !set)
      return std::unexpected(set.error());
  }
  const auto epoch = node->commit();
  if (!epoch) return std::unexpected(epoch.error());
  report.epoch = *epoch;
  if (left != nullptr) left->emplace(std::move(*node));
  return report;
}

}  // namespace policyc::endpoint
