#include "loader/worker/process_messages.h"

#include <array>

#include <loader/worker/worker.pb.h>

namespace policyc::worker {
namespace {

constexpr std::size_t kMaxText = std::size_t{64} << 10;
constexpr std::array kKinds = {"CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy",
                               "NetworkPolicy"};  // by policy::PolicyKind

std::string bytes_of(const IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()), address.v6 ? 16U : 4U};
}

void write_set(const service::BackendSet& set, wire::DesiredSet& out) {
  out.set_port(set.port);
  out.set_protocol(set.protocol);
  out.set_v6(set.v6);
  out.set_local_only(set.local_only);
  for (const service::Backend& backend : set.backends) {
    wire::DesiredBackend& one = *out.add_backends();
    one.set_address(bytes_of(backend.address));
    one.set_port(backend.port);
    one.set_state(static_cast<std::uint32_t>(backend.state));
    one.set_serving(backend.serving);
    one.set_local(backend.local);
    one.set_zone(backend.zone);
    one.set_weight(backend.weight);
  }
}

void write_frontend(const service::Frontend& frontend, wire::DesiredFrontend& out) {
  out.set_address(bytes_of(frontend.address));
  out.set_port(frontend.port);
  out.set_protocol(frontend.protocol);
  out.set_flags(frontend.flags);
  if (frontend.external) out.set_external(static_cast<std::uint32_t>(*frontend.external));
  if (frontend.internal) out.set_internal(static_cast<std::uint32_t>(*frontend.internal));
  out.set_affinity_seconds(frontend.affinity_seconds);
  for (const IpPrefix& range : frontend.source_ranges) out.add_source_ranges(range.to_string());
  out.set_own_address(frontend.own_address);
}

void write_endpoint(const driver::ResolvedSubject& endpoint, wire::ResolvedEndpoint& out) {
  out.set_key(endpoint.key);
  out.set_shape(endpoint.shape);
  out.set_error(bounded_text(endpoint.error));
  for (const policy::Label& label : endpoint.labels.all()) {
    wire::Label& one = *out.add_labels();
    one.set_source(label.source);
    one.set_key(label.key);
    one.set_value(label.value);
  }
  for (const std::string& policy : endpoint.policies) out.add_policies(policy);
}

}  // namespace

std::string bounded_text(std::string text) {
  if (text.size() <= kMaxText) return text;
  std::size_t end = kMaxText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;  // UTF-8
  text.resize(end);
  return text + "...\n";
}

Result<driver::SessionOptions> session_options(const wire::Configure& configure) {
  driver::SessionOptions result;
  const wire::AgentOptions& from = configure.agent_options();
  policy::Options& to = result.read.agent;
  if (from.enforcement() > static_cast<std::uint32_t>(policy::Enforcement::Never))
    return fail("the enforcement mode is not known");
  to.cluster_name = from.cluster_name();
  to.ipv4 = from.ipv4();
  to.ipv6 = from.ipv6();
  to.enforcement = static_cast<policy::Enforcement>(from.enforcement());
  to.allow_localhost = from.allow_localhost();
  to.l7_proxy = from.l7_proxy();
  to.icmp_rules = from.icmp_rules();
  to.non_default_deny = from.non_default_deny();
  to.node_selector_labels = from.node_selector_labels();
  to.host_firewall = from.host_firewall();
  to.extended_ip_protocols = from.extended_ip_protocols();
  to.cidr_match_nodes = from.cidr_match_nodes();
  to.default_local_cluster = from.default_local_cluster();
  auto labels = policy::LabelFilter::parse(from.labels());
  auto node_labels = policy::LabelFilter::parse(from.node_labels());
  if (!labels || !node_labels) return fail("a label filter is none");
  to.labels = std::move(*labels);
  to.node_labels = std::move(*node_labels);
  result.node.name = configure.node_name();
  result.node.zone = configure.node_zone();
  for (const std::string& text : configure.node_addresses()) {
    const auto address = parse_ip_address(text);
    if (!address) return fail("an address of the node is not one");
    result.node.addresses.push_back(*address);
  }
  if (configure.default_algorithm() != "random" && configure.default_algorithm() != "maglev")
    return fail("the algorithm is not known");
  const auto forwarding = service::parse_forwarding(configure.default_forwarding());
  if (!forwarding) return fail("the forwarding mode is not known");
  result.services.maglev = configure.default_algorithm() == "maglev";
  result.services.forwarding = *forwarding;
  result.services.nat46x64 = configure.nat46x64();
  return result;
}

std::vector<driver::SessionEndpoint> session_endpoints(const wire::Resolve& resolve) {
  std::vector<driver::SessionEndpoint> result;
  for (const wire::LocalEndpoint& one : resolve.endpoints()) {
    result.push_back({one.key(),
                      one.pod_namespace(),
                      one.pod_name(),
                      {one.labels().begin(), one.labels().end()}});
  }
  return result;
}

void write_resolution(const driver::Resolution& resolution, wire::Resolved& resolved) {
  for (const auto& endpoint : resolution.endpoints)
    write_endpoint(endpoint, *resolved.add_endpoints());
  for (const driver::PolicyPlace& policy : resolution.policies) {
    wire::PolicyInfo& out = *resolved.add_policies();
    out.set_kind(kKinds[static_cast<std::size_t>(policy.kind)]);
    out.set_namespace_(policy.namespace_);
    out.set_name(policy.name);
    out.set_file(policy.file);
    out.set_line(policy.line);
  }
  for (const service::DesiredService& service : resolution.services) {
    wire::DesiredService& out = *resolved.add_services();
    out.set_name(service.name);
    for (const service::BackendSet& set : service.sets) write_set(set, *out.add_sets());
    for (const service::Frontend& frontend : service.frontends)
      write_frontend(frontend, *out.add_frontends());
  }
  for (const std::string& name : resolution.removed_services) resolved.add_removed_services(name);
  resolved.set_diagnostics(bounded_text(resolution.diagnostics));
  for (const driver::Conflict& conflict : resolution.conflicts) {
    wire::FileResult& out = *resolved.add_refused();
    out.set_key(conflict.file);
    out.set_diagnostics(bounded_text(conflict.diagnostics));
  }
}

}  // namespace policyc::worker
