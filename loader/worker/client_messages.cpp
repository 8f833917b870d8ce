#include "loader/worker/client_messages.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include <loader/worker/worker.pb.h>

#include "compiler/diag/text.h"
#include "loader/worker/frame.h"

namespace policyc::worker {
namespace {

constexpr std::size_t kShapeDigits = 64;
constexpr std::size_t kMaxNameBytes = 4096;
constexpr std::uint32_t kKnownFlags = FRONTEND_ROUTABLE | FRONTEND_SOURCE_RANGES | FRONTEND_MAGLEV |
                                      FRONTEND_DSR | FRONTEND_OTHER_FAMILY;
constexpr std::array kKinds = {"CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy",
                               "NetworkPolicy"};  // by policy::PolicyKind

// Names of files are whatever a file system has; messages hold text.
std::string printable(std::string_view text) {
  const bool is_plain = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
  if (is_plain) return std::string(text);
  std::string result;
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.front());
    const std::size_t length = diag::utf8_length(text);
    const bool control = byte < 0x20 || byte == 0x7f;
    if (length == 0 || control) {
      result += '?';
    } else {
      result += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

std::string frame(const wire::Request& request) {
  const std::size_t size = request.ByteSizeLong();
  std::string bytes = length_prefix(size);
  bytes.reserve(bytes.size() + size);
  request.AppendToString(&bytes);
  return bytes;
}

// What is wrong is thrown here and becomes an Error in read_reply().
struct Wrong {
  const char* what;
};
void require(bool right, const char* what) {
  if (!right) throw Wrong{what};
}

IpAddress address_of(const std::string& bytes) {
  require(bytes.size() == 4 || bytes.size() == 16, "the size of an address");
  IpAddress address;
  address.v6 = bytes.size() == 16;
  std::ranges::transform(bytes, address.bytes.begin(),
                         [](char c) { return static_cast<std::uint8_t>(c); });
  return address;
}

template <class T>
T narrow(std::uint32_t number, const char* what) {
  require(number <= std::numeric_limits<T>::max(), what);
  return static_cast<T>(number);
}

std::uint8_t protocol_of(std::uint32_t number) {
  require(number == service::kTcp || number == service::kUdp || number == service::kSctp,
          "a service's protocol");
  return static_cast<std::uint8_t>(number);
}

service::Backend backend_of(const wire::DesiredBackend& from) {
  service::Backend backend;
  backend.address = address_of(from.address());
  backend.port = narrow<std::uint16_t>(from.port(), "a backend's port");
  require(from.state() > BACKEND_FREE && from.state() <= BACKEND_MAINTENANCE, "a backend's state");
  backend.state = static_cast<policyc_backend_state>(from.state());
  backend.serving = from.serving();
  backend.local = from.local();
  backend.zone = narrow<std::uint16_t>(from.zone(), "a zone");
  backend.weight = from.weight();
  return backend;
}

service::BackendSet set_of(const wire::DesiredSet& from) {
  service::BackendSet set;
  require(from.port().size() <= kMaxNameBytes, "the name of a port");
  set.port = from.port();
  set.protocol = protocol_of(from.protocol());
  set.v6 = from.v6();
  set.local_only = from.local_only();
  for (const wire::DesiredBackend& one : from.backends()) {
    set.backends.push_back(backend_of(one));
    require(set.backends.back().address.v6 == set.v6, "the family of a backend");
  }
  return set;
}

std::optional<std::size_t> index_of(bool there, std::uint32_t index, const service::Frontend& of,
                                    const std::vector<service::BackendSet>& sets) {
  if (!there) return std::nullopt;
  require(index < sets.size(), "the index of a set");
  const bool other_family = (of.flags & FRONTEND_OTHER_FAMILY) != 0;
  require((sets[index].v6 != of.address.v6) == other_family, "the family of a set");
  require(sets[index].protocol == of.protocol, "the protocol of a set");
  return index;
}

service::Frontend frontend_of(const wire::DesiredFrontend& from,
                              const std::vector<service::BackendSet>& sets) {
  service::Frontend frontend;
  frontend.address = address_of(from.address());
  frontend.port = narrow<std::uint16_t>(from.port(), "a frontend's port");
  frontend.protocol = protocol_of(from.protocol());
  require((from.flags() & ~kKnownFlags) == 0, "a frontend's flags");
  frontend.flags = from.flags();
  frontend.external = index_of(from.has_external(), from.external(), frontend, sets);
  frontend.internal = index_of(from.has_internal(), from.internal(), frontend, sets);
  frontend.affinity_seconds = from.affinity_seconds();
  for (const std::string& text : from.source_ranges()) {
    const auto prefix = parse_ip_prefix(text);
    require(prefix && prefix->address.v6 == frontend.address.v6, "a source range");
    frontend.source_ranges.push_back(*prefix);
  }
  frontend.own_address = from.own_address();
  return frontend;
}

service::DesiredService service_of(const wire::DesiredService& from) {
  service::DesiredService service;
  require(!from.name().empty() && from.name().size() <= kMaxNameBytes, "the name of a service");
  service.name = from.name();
  for (const wire::DesiredSet& one : from.sets()) service.sets.push_back(set_of(one));
  std::set<std::tuple<IpAddress, std::uint16_t, std::uint8_t>> seen;
  for (const wire::DesiredFrontend& one : from.frontends()) {
    service.frontends.push_back(frontend_of(one, service.sets));
    const service::Frontend& last = service.frontends.back();
    require(seen.emplace(last.address, last.port, last.protocol).second, "a frontend given twice");
  }
  return service;
}

bool is_shape(const std::string& text) {
  return text.size() == kShapeDigits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

ResolvedEndpoint endpoint_of(const wire::ResolvedEndpoint& from) {
  ResolvedEndpoint endpoint;
  endpoint.key = from.key();
  endpoint.shape = from.shape();
  endpoint.error = from.error();
  require(endpoint.shape.empty() != endpoint.error.empty() &&
              (endpoint.shape.empty() || is_shape(endpoint.shape)),
          "the shape of an endpoint");
  for (const wire::Label& label : from.labels()) {
    require(!label.source().empty() && label.key().size() <= kMaxNameBytes &&
                label.value().size() <= kMaxNameBytes,
            "a label");
    require(endpoint.labels.add({label.source(), label.key(), label.value()}),
            "a label given twice");
  }
  require(!endpoint.labels.empty(), "an endpoint without labels");
  endpoint.policies.assign(from.policies().begin(), from.policies().end());
  return endpoint;
}

PolicyInfo policy_of(const wire::PolicyInfo& from) {
  const auto kind = std::ranges::find(kKinds, from.kind());
  require(kind != kKinds.end(), "the kind of a policy");
  return {static_cast<policy::PolicyKind>(kind - kKinds.begin()), from.namespace_(), from.name(),
          from.file(), from.line()};
}

FileResult file_of(const wire::FileResult& from) {
  require(!from.accepted() || !from.last_good(), "a file that is good and bad");
  return {from.key(), from.accepted(), from.diagnostics(), from.last_good(), false};
}

Resolved resolved_of(const wire::Resolved& from, Incoming& incoming) {
  Resolved resolved;
  resolved.everything = from.everything();
  resolved.same_subjects = from.same_subjects();
  require(!from.same_subjects() ||
              (!from.everything() && from.endpoints().empty() && from.policies().empty() &&
               from.diagnostics().empty() && from.refused().empty()),
          "what is as before");
  for (const auto& one : from.endpoints()) resolved.endpoints.push_back(endpoint_of(one));
  for (const auto& one : from.policies()) resolved.policies.push_back(policy_of(one));
  if (!from.inventory().empty()) {
    auto change = endpoint::change_from_bytes(from.inventory());
    require(change.has_value(), "the inventory");
    incoming.inventory = std::move(*change);
  }
  std::set<std::string> names;
  for (const auto& one : from.services()) {
    resolved.services.push_back(service_of(one));
    require(names.insert(one.name()).second, "a service given twice");
  }
  for (const std::string& name : from.removed_services()) {
    require(!name.empty() && names.insert(name).second, "a removed service");
    resolved.removed_services.push_back(name);
  }
  resolved.diagnostics = from.diagnostics();
  for (const auto& one : from.refused()) resolved.refused.push_back(file_of(one));
  return resolved;
}

Incoming incoming_of(const wire::Reply& reply) {
  Incoming incoming;
  incoming.id = reply.id();
  incoming.error = reply.error();
  incoming.unknown_shape = reply.unknown_shape();
  incoming.more_than_pods = reply.more_than_pods();
  require(reply.error().empty() || reply.body_case() == wire::Reply::BODY_NOT_SET,
          "an error with an answer");
  switch (reply.body_case()) {
    case wire::Reply::kFile:
      incoming.body = file_of(reply.file());
      break;
    case wire::Reply::kResolved:
      incoming.body = resolved_of(reply.resolved(), incoming);
      break;
    case wire::Reply::kCompiled: {
      Compiled compiled;
      const std::string& object = reply.compiled().object();
      require(!object.empty(), "an empty object");
      compiled.object.assign(object.begin(), object.end());
      incoming.body = std::move(compiled);
      break;
    }
    case wire::Reply::BODY_NOT_SET:
      break;
  }
  return incoming;
}

}  // namespace

std::string configure_request(std::uint64_t id, const Settings& settings) {
  wire::Request request;
  request.set_id(id);
  wire::Configure& configure = *request.mutable_configure();
  wire::AgentOptions& to = *configure.mutable_agent_options();
  const policy::Options& from = settings.options;
  to.set_cluster_name(from.cluster_name);
  to.set_ipv4(from.ipv4);
  to.set_ipv6(from.ipv6);
  to.set_enforcement(static_cast<std::uint32_t>(from.enforcement));
  to.set_allow_localhost(from.allow_localhost);
  to.set_l7_proxy(from.l7_proxy);
  to.set_icmp_rules(from.icmp_rules);
  to.set_non_default_deny(from.non_default_deny);
  to.set_node_selector_labels(from.node_selector_labels);
  to.set_host_firewall(from.host_firewall);
  to.set_extended_ip_protocols(from.extended_ip_protocols);
  to.set_cidr_match_nodes(from.cidr_match_nodes);
  to.set_default_local_cluster(from.default_local_cluster);
  to.set_labels(from.labels.text());
  to.set_node_labels(from.node_labels.text());
  configure.set_node_name(settings.node_name);
  configure.set_node_zone(settings.node_zone);
  for (const IpAddress& address : settings.node_addresses)
    configure.add_node_addresses(address.to_string());
  configure.set_threads(settings.threads);
  configure.set_default_algorithm(settings.maglev ? "maglev" : "random");
  configure.set_default_forwarding(std::string(service::forwarding_name(settings.forwarding)));
  configure.set_nat46x64(settings.nat46x64);
  return frame(request);
}

std::string put_request(std::uint64_t id, const std::string& key, const std::string& name,
                        std::string_view content) {
  wire::Request request;
  request.set_id(id);
  request.mutable_put_file()->set_key(key);
  request.mutable_put_file()->set_name(printable(name));
  request.mutable_put_file()->set_content(content.data(), content.size());
  return frame(request);
}

std::string remove_request(std::uint64_t id, const std::string& key) {
  wire::Request request;
  request.set_id(id);
  request.mutable_remove_file()->set_key(key);
  return frame(request);
}

std::string resolve_request(std::uint64_t id, const Asked& asked) {
  wire::Request request;
  request.set_id(id);
  wire::Resolve& resolve = *request.mutable_resolve();
  resolve.set_everything(asked.everything);
  resolve.set_only_pods(asked.only_pods);
  resolve.set_same_endpoints(asked.endpoints == nullptr);
  if (asked.endpoints == nullptr) return frame(request);
  for (const LocalEndpoint& endpoint : *asked.endpoints) {
    wire::LocalEndpoint& one = *resolve.add_endpoints();
    one.set_key(endpoint.key);
    one.set_pod_namespace(endpoint.pod_namespace);
    one.set_pod_name(endpoint.pod_name);
    for (const auto& [key, value] : endpoint.labels) (*one.mutable_labels())[key] = value;
    for (const IpAddress& address : endpoint.addresses) one.add_addresses(address.to_string());
  }
  return frame(request);
}

std::string compile_request(std::uint64_t id, const std::string& shape, unsigned priority) {
  wire::Request request;
  request.set_id(id);
  request.mutable_compile()->set_shape(shape);
  request.mutable_compile()->set_priority(priority);
  return frame(request);
}

Result<Incoming> read_reply(std::string_view message) {
  wire::Reply reply;
  if (!reply.ParseFromArray(message.data(), static_cast<int>(message.size())))
    return fail("a reply that cannot be read");
  try {
    return incoming_of(reply);
  } catch (const Wrong& wrong) {
    return fail(std::string("a reply in which ") + wrong.what + " is wrong");
  }
}

}  // namespace policyc::worker
