#pragma once
// A pod behind a policy, and peers that are addresses of the host.

#include <map>
#include <string>

#include "loader/endpoint/load.h"
#include "loader/endpoint/status.h"
#include "loader/maps/ipcache.h"
#include "tests/unit/loader/programs.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
inline std::string allow_from(const std::string& app, int port) {
  return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web, namespace: "
         "shop}\nspec:\n"
         "  endpointSelector: {matchLabels: {app: web}}\n  ingress:\n  - fromEndpoints:\n    - "
         "matchLabels: {app: " +
         app + "}\n    toPorts:\n    - ports: [{port: \"" + std::to_string(port) +
         "\", protocol: UDP}]\n";
}

// Pods client, other and stranger are addresses of the host.
inline constexpr const char* kClient = "10.9.0.1";
inline constexpr const char* kOther = "10.9.0.2";
// Identities are numbered in the order of addresses: the last is beyond the end of a small map.
inline constexpr const char* kLate = "10.9.3.1";

inline policy::Endpoint pod(const std::string& name, const std::string& address) {
  policy::Endpoint endpoint;
  endpoint.namespace_ = "shop";
  endpoint.name = name;
  endpoint.labels = {{"app", name}};
  endpoint.addresses = {*parse_ip_address(address)};
  return endpoint;
}

inline endpoint::Inventory inventory() {
  endpoint::Inventory result;
  result.cluster.namespaces.edit()["shop"] = {};
  result.cluster.endpoints = {pod("client", kClient), pod("other", kOther), pod("web", "10.9.1.1"),
                              pod("web", "10.9.1.2")};
  result.cluster.endpoints[3].name = "web2";
  return result;
}

class LoadTest : public KernelTest, public ::testing::WithParamInterface<attach::HookChoice> {
 protected:
  static void SetUpTestSuite() {
    KernelTest::SetUpTestSuite();
    for (const char* address : {kClient, kOther, "10.9.0.3", kLate}) {
      static_cast<void>(
          std::system(("ip addr add " + std::string(address) + "/32 dev lo 2>/dev/null").c_str()) ==
          0);
    }
  }
  [[nodiscard]] endpoint::LoadRequest request(const backend::Bytes& object,
                                              const Pod& target) const {
    endpoint::LoadRequest result;
    result.object = object;
    result.interface = target.host();
    result.addresses = {*parse_ip_address(target.address())};
    result.inventory = inventory();
    result.hook = GetParam();
    // Interfaces are on both sides of the array's end.
    result.sizes = {.interfaces = 8,
                    .endpoints = 64,
                    .ipcache = 256,
                    .prefixes = 256,
                    .conntrack = 1024,
                    .fragments = 64};
    result.max_classes = 1024;
    return result;
  }
  [[nodiscard]] endpoint::Status status() const { return *must(endpoint::read_status(paths_)); }
  [[nodiscard]] maps::IpCache ipcache() const {
    return must(maps::read_ipcache(must(maps::NodeMaps::open(paths_.maps()))));
  }
  static const backend::Bytes& object(const std::string& app, int port) {
    static std::map<std::string, backend::Bytes> cache;
    const std::string yaml = allow_from(app, port);
    if (!cache.contains(yaml)) cache[yaml] = compile_policies(yaml).at(0);
    return cache[yaml];
  }
};

}  // namespace policyc::testing
