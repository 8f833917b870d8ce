#pragma once
// A node "n1" of zone "a", and what it balances by manifests.

#include <algorithm>

#include <gmock/gmock.h>

#include "compiler/service/directory.h"
#include "tests/unit/service/reading.h"

namespace policyc::service::test {

inline constexpr const char* kSlice = R"(---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- {addresses: [10.0.0.1], nodeName: n1}
- {addresses: [10.0.0.2], nodeName: n2}
)";

inline constexpr const char* kSpec = "  {clusterIP: 172.20.0.1, ports: [{name: http, port: 80}]}";

inline std::string slice(const std::string& endpoints, const std::string& name = "web-1",
                         const std::string& annotations = "{}") {
  return "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: " + name +
         ", labels: {kubernetes.io/service-name: web}, annotations: " + annotations +
         "}\naddressType: IPv4\nports: [{name: http, port: 8080}]\nendpoints:\n" + endpoints;
}

inline NodeView node() {
  return {.name = "n1",
          .addresses = {*parse_ip_address("192.0.2.1"), *parse_ip_address("2001:db8::1")},
          .zone = "a",
          .labels = {}};
}

inline Directory directory(const std::string& text, const NodeView& view = node(),
                           const Defaults& defaults = {}) {
  Reading run;
  read(text, run);
  EXPECT_EQ(run.rendered(), "");
  Directory result(view, defaults);
  for (Service& service : run.objects.services) result.upsert(std::move(service));
  for (EndpointSlice& slice : run.objects.slices) result.upsert(std::move(slice));
  for (HostPortPod& pod : run.objects.pods) result.upsert(std::move(pod));
  return result;
}

inline DesiredService web(const std::string& spec, const std::string& more = kSlice,
                          const NodeView& view = node()) {
  const auto all = directory("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n" +
                                 spec + "\n" + more,
                             view)
                       .all();
  EXPECT_THAT(all, ::testing::SizeIs(1));
  return all.empty() ? DesiredService{} : all[0];
}

inline std::vector<std::string> texts(const DesiredService& service) {
  std::vector<std::string> result;
  for (const Frontend& frontend : service.frontends)
    result.push_back(frontend.address.to_string() + " " + std::to_string(frontend.port));
  return result;
}

inline const Frontend& at(const DesiredService& service, const std::string& address) {
  const auto found =
      std::ranges::find(service.frontends, *parse_ip_address(address), &Frontend::address);
  if (found == service.frontends.end()) throw std::runtime_error("no frontend " + address);
  return *found;
}

// "address state" of those that new connections are given.
inline std::vector<std::string> takers(const DesiredService& service,
                                       std::optional<std::size_t> index) {
  std::vector<std::string> result;
  if (!index) return result;
  for (const std::size_t i : takers_of_new_connections(service.sets[*index].backends))
    result.push_back(service.sets[*index].backends[i].address.to_string());
  return result;
}

}  // namespace policyc::service::test
