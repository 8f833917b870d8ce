#pragma once
// Manifests to services and endpoints. What is wrong is reported with its place, and the object
// left out.

#include <map>
#include <set>
#include <string>
#include <utility>

#include "compiler/diag/diag.h"
#include "compiler/manifest/document.h"
#include "compiler/policy/schema.h"
#include "compiler/service/model.h"

namespace policyc::service {

class Reader {
 public:
  explicit Reader(diag::Engine& diagnostics) : diagnostics_(diagnostics) {}

  // False when the kind says nothing of services: it is none of Service, EndpointSlice, Endpoints,
  // Pod and Node. A later document with the same kind, namespace and name replaces the earlier one.
  bool add(const manifest::Document& document);
  // As if the documents of the other one were added now.
  void add(Reader&& later);
  [[nodiscard]] Objects take();

 private:
  using Key = std::pair<std::string, std::string>;  // namespace, name

  // False when the document has not the shape of its kind.
  bool has_shape(const manifest::Document& document, const policy::schema::Type& type);

  diag::Engine& diagnostics_;
  policy::schema::PatternCache patterns_;
  std::map<Key, Service> services_;
  std::map<std::pair<Key, bool>, EndpointSlice> slices_;  // and whether it is an Endpoints
  std::map<Key, HostPortPod> pods_;
  std::set<Key> pods_without_;  // host ports: an earlier document of theirs does not count
  std::map<std::string, NodeObject> nodes_;
};

// Parts, each in its own file. Nothing: reported.
[[nodiscard]] std::optional<Service> read_service(const manifest::Document& document,
                                                  diag::Engine& diagnostics);
[[nodiscard]] std::optional<EndpointSlice> read_endpoint_slice(const manifest::Document& document,
                                                               diag::Engine& diagnostics);
[[nodiscard]] std::optional<EndpointSlice> read_endpoints(const manifest::Document& document,
                                                          diag::Engine& diagnostics);
[[nodiscard]] std::optional<HostPortPod> read_pod(const manifest::Document& document,
                                                  diag::Engine& diagnostics);
[[nodiscard]] std::optional<NodeObject> read_node_object(const manifest::Document& document,
                                                         diag::Engine& diagnostics);

// What the API server refuses in a Service beyond types and values of single fields. Reports.
void check_service(const manifest::Node& spec, const Service& service, diag::Engine& diagnostics);

// "TCP", "UDP", "SCTP" to its number; empty is TCP.
[[nodiscard]] std::uint8_t protocol_number(const std::string& name);

}  // namespace policyc::service
