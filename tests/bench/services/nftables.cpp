#include "tests/bench/services/nftables.h"

#include "tests/bench/services/tool.h"

namespace policyc::bench {
namespace {

// What every node has, whatever its services: priorities as in kube-proxy (dstnat, srcnat, and
// filter chains before them).
constexpr const char* kBase = R"(add table ip kube-proxy
add set ip kube-proxy cluster-ips { type ipv4_addr ; }
add set ip kube-proxy nodeport-ips { type ipv4_addr ; }
add map ip kube-proxy service-ips { type ipv4_addr . inet_proto . inet_service : verdict ; }
add map ip kube-proxy service-nodeports { type inet_proto . inet_service : verdict ; }
add map ip kube-proxy no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict ; }
add map ip kube-proxy no-endpoint-nodeports { type inet_proto . inet_service : verdict ; }
add map ip kube-proxy firewall-ips { type ipv4_addr . inet_proto . inet_service : verdict ; }
add chain ip kube-proxy filter-prerouting { type filter hook prerouting priority -110 ; }
add chain ip kube-proxy filter-input { type filter hook input priority -110 ; }
add chain ip kube-proxy filter-forward { type filter hook forward priority -110 ; }
add chain ip kube-proxy filter-output { type filter hook output priority -110 ; }
add chain ip kube-proxy filter-output-post-dnat { type filter hook output priority -90 ; }
add chain ip kube-proxy nat-prerouting { type nat hook prerouting priority -100 ; }
add chain ip kube-proxy nat-output { type nat hook output priority -100 ; }
add chain ip kube-proxy nat-postrouting { type nat hook postrouting priority 100 ; }
add chain ip kube-proxy services
add chain ip kube-proxy masquerading
add chain ip kube-proxy mark-for-masquerade
add chain ip kube-proxy firewall-check
add chain ip kube-proxy service-endpoints-check
add chain ip kube-proxy nodeport-endpoints-check
add chain ip kube-proxy cluster-ips-check
add rule ip kube-proxy filter-prerouting ct state new jump firewall-check
add rule ip kube-proxy filter-input ct state new jump nodeport-endpoints-check
add rule ip kube-proxy filter-input ct state new jump service-endpoints-check
add rule ip kube-proxy filter-forward ct state new jump service-endpoints-check
add rule ip kube-proxy filter-forward ct state new jump cluster-ips-check
add rule ip kube-proxy filter-output ct state new jump service-endpoints-check
add rule ip kube-proxy filter-output ct state new jump firewall-check
add rule ip kube-proxy filter-output-post-dnat ct state new jump cluster-ips-check
add rule ip kube-proxy nat-prerouting jump services
add rule ip kube-proxy nat-output jump services
add rule ip kube-proxy nat-postrouting jump masquerading
add rule ip kube-proxy mark-for-masquerade mark set mark or 0x4000
add rule ip kube-proxy masquerading mark and 0x4000 == 0 return
add rule ip kube-proxy masquerading mark set mark xor 0x4000
add rule ip kube-proxy masquerading masquerade fully-random
add rule ip kube-proxy firewall-check ip daddr . meta l4proto . th dport vmap @firewall-ips
add rule ip kube-proxy service-endpoints-check ip daddr . meta l4proto . th dport vmap @no-endpoint-services
add rule ip kube-proxy nodeport-endpoints-check ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports
add rule ip kube-proxy cluster-ips-check ip daddr @cluster-ips reject
add rule ip kube-proxy services ip daddr . meta l4proto . th dport vmap @service-ips
add rule ip kube-proxy services ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
)";
constexpr const char* kTable = " ip kube-proxy ";

std::string eight(std::size_t number) {
  const std::string digits = std::to_string(number);
  return std::string(8 - std::min<std::size_t>(8, digits.size()), '0') + digits;
}

std::string service_chain(std::size_t service) {
  return "service-" + eight(service) + "-bench/service-" + std::to_string(service) + "/tcp/http";
}

std::string endpoint_chain(std::size_t service, std::size_t endpoint) {
  return "endpoint-" + eight(service) + "-bench/service-" + std::to_string(service) +
         "/tcp/http__" + std::to_string(endpoint);
}

void add_chains(const Service& service, std::size_t index, std::string& text) {
  text += "add chain" + (kTable + service_chain(index)) + "\n";
  for (std::size_t i = 0; i < service.backends.size(); ++i)
    text += "add chain" + (kTable + endpoint_chain(index, i)) + "\n";
}

void add_rules(const Service& service, std::size_t index, std::string& text) {
  const std::string chain = "add rule" + (kTable + service_chain(index));
  text += chain + " ip daddr " + service.frontend.address + " tcp dport " +
          std::to_string(service.frontend.port) + " ip saddr != " + kPodNetwork +
          " jump mark-for-masquerade\n" + chain + " numgen random mod " +
          std::to_string(service.backends.size()) + " vmap {";
  for (std::size_t i = 0; i < service.backends.size(); ++i) {
    text += (i == 0 ? " " : " , ") + std::to_string(i) + " : goto " + endpoint_chain(index, i);
  }
  text += " }\n";
  for (std::size_t i = 0; i < service.backends.size(); ++i) {
    const TcpAddress& backend = service.backends[i];
    const std::string endpoint = "add rule" + (kTable + endpoint_chain(index, i));
    text += endpoint + " ip saddr " + backend.address + " jump mark-for-masquerade\n" + endpoint +
            " meta l4proto tcp dnat to " + backend.address + ":" + std::to_string(backend.port) +
            "\n";
  }
}

void add_frontend(const Service& service, std::size_t index, std::string& text) {
  text += "add element ip kube-proxy cluster-ips { " + service.frontend.address + " }\n";
  text += "add element ip kube-proxy service-ips { " + service.frontend.address + " . tcp . " +
          std::to_string(service.frontend.port) + " : goto " + service_chain(index) + " }\n";
}

}  // namespace

void Nftables::setup(const Topology& topology, const std::vector<Service>& services) {
  std::string text = kBase;
  for (std::size_t i = 0; i < services.size(); ++i) add_chains(services[i], i, text);
  for (std::size_t i = 0; i < services.size(); ++i) {
    add_rules(services[i], i, text);
    add_frontend(services[i], i, text);
  }
  run_on_node(topology, {"nft", "-f", "-"}, text);
  backends_ = services.empty() ? 0 : services.back().backends.size();
}

void Nftables::change_backends(const Topology& topology, const std::vector<Service>& services,
                               std::size_t changed) {
  const Service& service = services[changed];
  std::string text;
  add_chains(service, changed, text);
  text += "flush chain" + (kTable + service_chain(changed)) + "\n";
  for (std::size_t i = 0; i < service.backends.size(); ++i)
    text += "flush chain" + (kTable + endpoint_chain(changed, i)) + "\n";
  add_rules(service, changed, text);
  for (std::size_t i = service.backends.size(); i < backends_; ++i)
    text += "delete chain" + (kTable + endpoint_chain(changed, i)) + "\n";
  run_on_node(topology, {"nft", "-f", "-"}, text);
  backends_ = service.backends.size();
}

void Nftables::teardown(const Topology& topology) {
  run_on_node(topology, {"nft", "delete", "table", "ip", "kube-proxy"}, "");
  backends_ = 0;
}

}  // namespace policyc::bench
