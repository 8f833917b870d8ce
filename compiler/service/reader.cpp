#include "compiler/service/reader.h"

#include "compiler/policy/inventory.h"
#include "compiler/service/schema.h"

namespace policyc::service {
namespace {

// The metadata that the API server demands of everything that this folder reads.
bool has_name(const manifest::Document& document, diag::Engine& diagnostics) {
  if (!document.name.value.empty()) return true;
  diagnostics.report(diag::Id::MissingName, document.root.id, "the object has no name").help =
      "add `metadata.name`";
  return false;
}

}  // namespace

std::uint8_t protocol_number(const std::string& name) {
  if (name == "UDP") return 17;
  if (name == "SCTP") return 132;
  return 6;
}

bool Reader::has_shape(const manifest::Document& document, const policy::schema::Type& type) {
  const policy::schema::CheckOptions options{.null_items_are_errors = false};
  const auto checked = policy::schema::check(document.root, type, options, patterns_, diagnostics_);
  return has_name(document, diagnostics_) && checked.well_typed && checked.valid;
}

bool Reader::add(const manifest::Document& document) {
  const std::string& kind = document.kind.value;
  const bool core = document.api_version.value == "v1";
  const Key key{policy::namespace_of(document), document.name.value};
  if (core && kind == "Service") {
    if (!has_shape(document, service_schema())) return true;
    if (auto service = read_service(document, diagnostics_)) services_[key] = std::move(*service);
  } else if (document.api_version.value == "discovery.k8s.io/v1" && kind == "EndpointSlice") {
    if (!has_shape(document, endpoint_slice_schema())) return true;
    if (auto slice = read_endpoint_slice(document, diagnostics_))
      slices_[{key, false}] = std::move(*slice);
  } else if (core && kind == "Endpoints") {
    if (!has_shape(document, endpoints_schema())) return true;
    if (auto slice = read_endpoints(document, diagnostics_))
      slices_[{key, true}] = std::move(*slice);
  } else if (core && kind == "Pod") {
    pods_.erase(key);
    pods_without_.insert(key);
    if (auto pod = read_pod(document, diagnostics_); pod && !pod->ports.empty()) {
      pods_[key] = std::move(*pod);
      pods_without_.erase(key);
    }
  } else if (core && kind == "Node") {
    if (auto node = read_node_object(document, diagnostics_))
      nodes_[document.name.value] = std::move(*node);
  } else {
    return false;
  }
  return true;
}

namespace {

template <class Map>
void replace_with(Map& map, Map& later) {
  later.merge(map);
  map.swap(later);
}

}  // namespace

void Reader::add(Reader&& later) {
  for (const Key& key : later.pods_without_) pods_.erase(key);
  for (const auto& [key, pod] : later.pods_) pods_without_.erase(key);
  pods_without_.merge(later.pods_without_);
  replace_with(services_, later.services_);
  replace_with(slices_, later.slices_);
  replace_with(pods_, later.pods_);
  replace_with(nodes_, later.nodes_);
}

Objects Reader::take() {
  Objects objects;
  for (auto& [key, service] : services_) objects.services.push_back(std::move(service));
  for (auto& [key, slice] : slices_) objects.slices.push_back(std::move(slice));
  for (auto& [key, pod] : pods_) objects.pods.push_back(std::move(pod));
  for (auto& [key, node] : nodes_) objects.nodes.push_back(std::move(node));
  services_.clear();
  slices_.clear();
  pods_.clear();
  pods_without_.clear();
  nodes_.clear();
  return objects;
}

}  // namespace policyc::service
