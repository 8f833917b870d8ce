// What the API server refuses in a Service beyond types and values of single fields.
#include <algorithm>
#include <set>

#include "compiler/policy/read_node.h"
#include "compiler/service/reader.h"

namespace policyc::service {
namespace {

using diag::Id;
using manifest::Node;
using policy::present;

class ServiceChecker {
 public:
  ServiceChecker(const Node& spec, const Service& service, diag::Engine& diagnostics)
      : spec_(spec), service_(service), diagnostics_(diagnostics) {}

  void run() {
    check_ports();
    check_cluster_ips();
    check_external_ips();
    check_policies();
  }

 private:
  diag::Diagnostic& refuse(source::NodeId node, std::string message) {
    auto& diagnostic = diagnostics_.report(Id::InvalidService, node, std::move(message));
    diagnostic.refused_by = diag::RefusedBy::ApiServer;
    return diagnostic;
  }
  [[nodiscard]] source::NodeId place(std::string_view field) const {
    return policy::key_place(spec_, field);
  }

  void check_ports() {
    if (service_.type == ServiceType::ExternalName) return;
    if (service_.ports.empty()) {
      if (!service_.headless)
        refuse(place("ports"), "the service has no ports").help = "add `spec.ports`";
      return;
    }
    std::set<std::string> names;
    std::set<std::pair<std::uint16_t, std::uint8_t>> numbers, node_ports;
    for (const ServicePort& port : service_.ports) {
      if (port.name.empty() && service_.ports.size() > 1)
        refuse(port.node, "one of several ports has no name").help = "give every port a `name`";
      if (!port.name.empty() && !names.insert(port.name).second)
        refuse(port.node, "the name " + diag::quoted(port.name) + " is given to two ports");
      if (!numbers.emplace(port.port, port.protocol).second)
        refuse(port.node, "port " + std::to_string(port.port) + " is there twice");
      if (port.node_port == 0) continue;
      if (!node_ports.emplace(port.node_port, port.protocol).second)
        refuse(port.node, "node port " + std::to_string(port.node_port) + " is there twice");
      if (service_.type == ServiceType::ClusterIp)
        refuse(port.node, "a service of type `ClusterIP` has a node port").help =
            "write `type: NodePort`, or leave out `nodePort`";
    }
  }

  void check_cluster_ips() {
    const auto both = policy::read_strings(spec_, "clusterIPs");
    const auto one = policy::read_optional_string(spec_, "clusterIP");
    if (both && !both->empty() && one && !one->value.empty() && one->value != both->front().value)
      refuse(both->front().node, "the first of `clusterIPs` differs from `clusterIP`");
    if (service_.headless && !service_.cluster_ips.empty() && both)
      refuse(place("clusterIPs"), "`None` stands beside an address");
    const auto sixes = std::ranges::count_if(service_.cluster_ips, &IpAddress::v6);
    if (sixes > 1 || std::ssize(service_.cluster_ips) - sixes > 1)
      refuse(place("clusterIPs"), "two cluster addresses are of one family");
    const auto families = policy::read_strings(spec_, "ipFamilies");
    if (!families) return;
    for (std::size_t i = 0; i < families->size() && i < service_.cluster_ips.size(); ++i) {
      const bool six = (*families)[i].value == "IPv6";
      if (six != service_.cluster_ips[i].v6)
        refuse((*families)[i].node, diag::quoted((*families)[i].value) + " is not the family of " +
                                        diag::quoted(service_.cluster_ips[i].to_string()));
    }
  }

  void check_external_ips() {
    for (const IpAddress& address : service_.external_ips) {
      const bool loopback = address.v6 ? address == *parse_ip_address("::1")
                                       : parse_ip_prefix("127.0.0.0/8")->contains(address);
      const bool link_local =
          parse_ip_prefix(address.v6 ? "fe80::/10" : "169.254.0.0/16")->contains(address);
      const bool unspecified = address == *parse_ip_address(address.v6 ? "::" : "0.0.0.0");
      const bool multicast =
          parse_ip_prefix(address.v6 ? "ff00::/8" : "224.0.0.0/4")->contains(address);
      if (loopback || link_local || unspecified || multicast)
        refuse(place("externalIPs"),
               diag::quoted(address.to_string()) + " may not be an external address");
    }
  }

  void check_policies() {
    const bool routable = service_.type == ServiceType::NodePort ||
                          service_.type == ServiceType::LoadBalancer ||
                          !service_.external_ips.empty();
    if (service_.external_local && !routable)
      refuse(place("externalTrafficPolicy"),
             "the service has no address that is reached from outside");
    if (service_.health_check_node_port != 0 &&
        (service_.type != ServiceType::LoadBalancer || !service_.external_local))
      refuse(place("healthCheckNodePort"),
             "only a service of type `LoadBalancer` with `externalTrafficPolicy: Local` has one");
    if (!service_.source_ranges.empty() && service_.type != ServiceType::LoadBalancer)
      refuse(place("loadBalancerSourceRanges"),
             "only a service of type `LoadBalancer` has source ranges");
    if (service_.affinity_seconds == 0 && present(spec_, "sessionAffinityConfig") != nullptr)
      refuse(place("sessionAffinityConfig"), "there is no `sessionAffinity: ClientIP`");
  }

  const Node& spec_;
  const Service& service_;
  diag::Engine& diagnostics_;
};

}  // namespace

void check_service(const Node& spec, const Service& service, diag::Engine& diagnostics) {
  ServiceChecker(spec, service, diagnostics).run();
  if (service.type != ServiceType::ExternalName && !service.headless &&
      service.cluster_ips.empty()) {
    diagnostics
        .report(Id::ServiceWithoutAddress, service.node,
                "the service has no cluster address: the API server has not given it one")
        .help = "add `spec.clusterIP`";
  }
}

}  // namespace policyc::service
