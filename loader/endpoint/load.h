#pragma once
// Puts a compiled policy on an endpoint's interface.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/attach/attach.h"
#include "loader/endpoint/deny_response.h"
#include "loader/endpoint/inventory.h"
#include "loader/endpoint/link.h"
#include "loader/endpoint/node.h"
#include "loader/endpoint/paths.h"
#include "loader/endpoint/shape_sizes.h"
#include "loader/maps/ipcache.h"
#include "loader/maps/node_maps.h"

namespace policyc::endpoint {

struct LoadRequest {
  std::span<const std::uint8_t> object;
  std::string interface;                  // the host side of the endpoint's veth
  std::vector<IpAddress> addresses;       // at most one of each family
  std::optional<std::uint32_t> identity;  // else from the labels
  policy::LabelSet labels;  // empty: those that the inventory has for the first address
  attach::HookChoice hook = attach::HookChoice::Auto;
  bool audit = false;
  std::optional<MacAddress> mac;  // of the endpoint's side: what it sends must come from there
  // Peer classes that a shape which is loaded has room for, at least. It grows when there are more.
  std::uint32_t max_classes = kDefaultMinClasses;
  // What follows is the node's: of several requests the first says it.
  std::optional<Inventory>
      inventory;  // everything that exists; without it the one of the last load stays
  // Without one of these it stays as it is. A new node traces nothing, delivers within the node
  // past the stack, drops what is denied, and limits events (NodeMaps::open_or_create).
  std::optional<bool> trace_verdicts;        // events for the first packets of allowed connections
  std::optional<bool> trace_connections;     // and for later ones
  std::optional<bool> local_delivery;        // from endpoint to endpoint past the host's stack
  std::optional<bool> egress_delivery;       // from endpoint to device past the host's stack
  std::optional<std::uint32_t> event_limit;  // for each CPU and second; 0: none
  std::optional<DenyResponse> deny_response;
  maps::MapSizes sizes;
  std::span<const std::uint8_t> datapath;  // empty: this policyc's
  Progress progress;
};

struct LoadReport {
  std::uint16_t endpoint_id = 0;
  std::uint32_t interface_index = 0;
  std::uint32_t identity = 0;
  std::string shape;          // key
  bool shape_loaded = false;  // false: another endpoint's programs were used, also of this change
  std::uint32_t slot = 0;     // of the shape
  bool replaced = false;      // the interface ran a policy before
  attach::HookKind hook = attach::HookKind::Tcx;
  std::uint32_t epoch = 0;
  // What follows is of the whole change: of several reports the first says it.
  maps::IpCacheChange ipcache;
  std::vector<std::string> grown;  // keys of larger generations that endpoints run now
  // Endpoints whose shape has no room for every class; it answers the others with default deny.
  struct Unserved {
    std::string interface;
    std::string reason;  // names the policies and the bound
  };
  std::vector<Unserved> starved;
  FileStamp inventory;  // of the file that was written, before another process could change it
  Shared<std::vector<policy::ClusterNode>> known_nodes{};  // that it has (Inventory)
};

// Loads several endpoints in one change, whose fixed costs (state to disk, waiting for running
// programs, epoch) are paid once, and each distinct object once: its policy programs unless an
// endpoint of that shape did before, then maps, entries and attachments, in the order of node.h. An
// interface that runs a policy keeps it until the new one takes over in one step: its entry in
// "endpoints" names the new shape's slot. When one endpoint fails, what was done for all is undone;
// the Error names its interface. Reports are in the order of the requests. Before anything happens
// it is an Error when two requests have an interface or an address in common, or when one after the
// first says anything of the node that the first does not say. Needs root.
//
// With tcx the kernel waits for a grace period for each program on a hook that had none (grace.h:
// ExpeditedGrace); clsact, and a policy that replaces another, need no such wait.
// `left` gets the node as a change that succeeds leaves it.
[[nodiscard]] Result<std::vector<LoadReport>> load_endpoints(const Paths& paths,
                                                             std::span<const LoadRequest> requests,
                                                             std::optional<Node>* left = nullptr);
// The case of one.
[[nodiscard]] Result<LoadReport> load_endpoint(const Paths& paths, const LoadRequest& request);

// Makes the node's maps and loads its datapath, as the first load would. Takes some 0.2 s when they
// are not there.
[[nodiscard]] Result<void> prepare_node(const Paths& paths, const maps::MapSizes& sizes,
                                        std::span<const std::uint8_t> datapath);

// The index of an interface of this network namespace.
[[nodiscard]] Result<std::uint32_t> interface_index(const std::string& name);

}  // namespace policyc::endpoint
