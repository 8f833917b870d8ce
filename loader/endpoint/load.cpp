#include "loader/endpoint/load.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <string_view>
#include <unordered_map>

#include <net/if.h>

#include "compiler/backend/backend.h"
#include "loader/bpf/log.h"
#include "loader/endpoint/inventory_change.h"
#include "loader/endpoint/loading.h"
#include "loader/endpoint/node.h"

namespace policyc::endpoint {
namespace {

Result<void> check_addresses(const std::vector<IpAddress>& addresses) {
  if (addresses.empty()) return fail("an endpoint needs an address");
  const auto v6 = std::count_if(addresses.begin(), addresses.end(),
                                [](const IpAddress& address) { return address.v6; });
  if (v6 > 1 || static_cast<std::ptrdiff_t>(addresses.size()) - v6 > 1) {
    return fail("an endpoint has at most one address of each family");
  }
  return {};
}

bool same_bytes(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  return a.size() == b.size() &&
         (a.data() == b.data() || std::equal(a.begin(), a.end(), b.begin()));
}

// Whether a request after the first leaves the node to the first.
Result<void> check_node(const LoadRequest& first, const LoadRequest& request) {
  const auto differs = [](std::string_view what) {
    return fail(std::string(what) + " belongs to the node: it differs from the first endpoint's");
  };
  if (request.inventory &&
      (!first.inventory || !change_between(*first.inventory, *request.inventory).empty()))
    return differs("the inventory");
  if (request.trace_verdicts && request.trace_verdicts != first.trace_verdicts)
    return differs("the tracing of verdicts");
  if (request.trace_connections && request.trace_connections != first.trace_connections)
    return differs("the tracing of connections");
  if (request.local_delivery && request.local_delivery != first.local_delivery)
    return differs("delivery within the node");
  if (request.egress_delivery && request.egress_delivery != first.egress_delivery)
    return differs("delivery to devices");
  if (request.event_limit && request.event_limit != first.event_limit)
    return differs("the limit of events");
  if (request.deny_response && request.deny_response != first.deny_response)
    return differs("the response to what is denied");
  if (request.sizes != maps::MapSizes{} && request.sizes != first.sizes)
    return differs("the size of the maps");
  if (!request.datapath.empty() && !same_bytes(request.datapath, first.datapath))
    return differs("the datapath");
  if (request.progress) return differs("who is told of the progress");
  return {};
}

// Finds what the requests must not share, and the objects that they do.
class Requests {
 public:
  Result<void> add(const LoadRequest& request, const LoadRequest& first) {
    if (auto good = check_addresses(request.addresses); !good) return good;
    if (&request != &first) {
      if (auto good = check_node(first, request); !good) return good;
    }
    const auto index = interface_index(request.interface);
    if (!index) return std::unexpected(index.error());
    if (!indices_.emplace(*index, request.interface).second)
      return fail("another endpoint of this load is on that interface, as " + indices_.at(*index));
    for (const IpAddress& address : request.addresses) {
      const auto [owner, is_new] = addresses_.emplace(address, request.interface);
      if (!is_new)
        return fail("address " + address.to_string() + " is also that of " + owner->second);
    }
    const auto object = find_object(request);
    if (!object) return std::unexpected(object.error());
    endpoints_.push_back({&request, *object, *index});
    return {};
  }

  [[nodiscard]] std::vector<ComingObject> take_objects() { return std::move(objects_); }
  [[nodiscard]] const std::vector<ComingEndpoint>& endpoints() const { return endpoints_; }

 private:
  Result<std::size_t> find_object(const LoadRequest& request) {
    const std::string_view bytes(reinterpret_cast<const char*>(request.object.data()),
                                 request.object.size());
    const auto known = by_bytes_.find(bytes);
    if (known != by_bytes_.end()) {
      ComingObject& object = objects_[known->second];
      object.max_classes = std::max(object.max_classes, request.max_classes);
      return known->second;
    }
    auto shape = read_shape(request.object);
    if (!shape) return std::unexpected(shape.error());
    by_bytes_.emplace(bytes, objects_.size());
    objects_.push_back(
        {request.object, std::move(*shape), request.max_classes, endpoints_.size(), {}, 0, false});
    return objects_.size() - 1;
  }

  std::unordered_map<std::uint32_t, std::string> indices_;
  std::map<IpAddress, std::string> addresses_;
  std::unordered_map<std::string_view, std::size_t> by_bytes_;
  std::vector<ComingObject> objects_;
  std::vector<ComingEndpoint> endpoints_;
};

}  // namespace

Result<std::uint32_t> interface_index(const std::string& name) {
  const unsigned index = ::if_nametoindex(name.c_str());
  if (index == 0) return bpf::fail_errno("find interface " + name, errno);
  return index;
}

Result<std::vector<LoadReport>> load_endpoints(const Paths& paths,
                                               std::span<const LoadRequest> requests,
                                               std::optional<Node>* left) {
  if (requests.empty()) return std::vector<LoadReport>{};
  const LoadRequest& first = requests.front();
  Requests checked;
  for (const LoadRequest& request : requests) {
    if (auto good = checked.add(request, first); !good) {
      if (requests.size() == 1) return std::unexpected(good.error());
      return fail(request.interface + ": " + good.error().message);
    }
  }
  auto node = Node::open(paths, first.sizes, first.progress);
  if (!node) return std::unexpected(node.error());
  const auto datapath = first.datapath.empty() ? backend::datapath_object() : first.datapath;
  if (auto ready = node->use_datapath(datapath); !ready) return std::unexpected(ready.error());
  Loading loading(*node, checked.take_objects(), checked.endpoints());
  auto reports = loading.run();
  if (reports && left != nullptr) left->emplace(std::move(*node));
  return reports;
}

Result<void> prepare_node(const Paths& paths, const maps::MapSizes& sizes,
                          std::span<const std::uint8_t> datapath) {
  auto node = Node::open(paths, sizes);
  if (!node) return std::unexpected(node.error());
  return node->use_datapath(datapath);
}

Result<LoadReport> load_endpoint(const Paths& paths, const LoadRequest& request) {
  auto reports = load_endpoints(paths, {&request, 1});
  if (!reports) return std::unexpected(reports.error());
  return std::move(reports->front());
}

}  // namespace policyc::endpoint
