#include "loader/observe/names.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include <sys/stat.h>

#include "compiler/policy/entities.h"
#include "loader/bpf/bpffs.h"
#include "loader/endpoint/inventory.h"
#include "loader/endpoint/inventory_file.h"
#include "loader/endpoint/shapes.h"

namespace policyc::observe {
namespace {

// Whether a policy function was asked and decided.
bool policy_decided(const Event& event) {
  return !event.dropped || event.reason == DROP_POLICY_DEFAULT_DENY ||
         event.reason == DROP_POLICY_DENY || event.reason == DROP_L7_PROXY_UNAVAILABLE ||
         event.reason == DROP_AUTH_REQUIRED;
}

// How much the ranges that match the packet say of it: 0 nothing, 1 the protocol, 2 ports. The
// narrowest counts, as the most specific key does in Cilium's policy map.
int port_detail(const ir::Rule& rule, const Event& event) {
  const std::uint16_t port = event.destination_port;
  int detail = 0;
  for (const matrix::PortRange& range : rule.ports) {
    if (range.protocol == matrix::kAnyProtocol) continue;
    if (range.protocol != event.protocol || port < range.first || port > range.last) continue;
    detail = std::max(detail, range.first == 0 && range.last == 0xffff ? 1 : 2);
  }
  return detail;
}

MatchType match_type(const ir::Rule& rule, int detail) {
  if (detail == 2) return rule.any_peer ? MatchType::L4Only : MatchType::L3L4;
  if (detail == 1) return rule.any_peer ? MatchType::ProtocolOnly : MatchType::L3Protocol;
  return rule.any_peer ? MatchType::All : MatchType::L3Only;
}

// A reply has the ports of its connection the other way round, and its decision is the other
// direction's.
std::optional<MatchType> match_type(const ir::Rule& rule, const Event& event,
                                    bool other_direction) {
  if (!other_direction) return match_type(rule, port_detail(rule, event));
  // The type of an ICMP request cannot be told from its reply.
  if (is_icmp(event.protocol)) return std::nullopt;
  Event request = event;
  std::swap(request.source_port, request.destination_port);
  return match_type(rule, port_detail(rule, request));
}

std::pair<std::string, std::string> split_name(const std::string& full_name) {
  const std::size_t slash = full_name.find('/');
  if (slash == std::string::npos) return {"", full_name};
  return {full_name.substr(0, slash), full_name.substr(slash + 1)};
}

std::string namespace_in(const policy::LabelSet& labels) {
  const policy::Label* label = labels.find_key(policy::kPodNamespaceKey);
  return label != nullptr && label->source == "k8s" ? label->value : std::string();
}

}  // namespace

std::string Party::full_name() const {
  if (namespace_.empty() || pod.empty()) return pod;
  return namespace_ + "/" + pod;
}

Names::Stamp Names::stamp_of(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

void Names::refresh() {
  std::vector<Stamp> stamps{stamp_of(paths_.state_file()), stamp_of(paths_.inventory_file()),
                            stamp_of(paths_.shape_files())};
  if (stamps == stamps_) return;
  stamps_ = std::move(stamps);
  if (auto state = endpoint::read_state(paths_)) state_ = std::move(*state);
  index_state();
  if (const auto inventory = endpoint::read_inventory(paths_)) {
    pods_.clear();
    for (const policy::Endpoint& pod : inventory->cluster.endpoints) {
      if (pod.kind != policy::EndpointKind::Pod) continue;
      for (const IpAddress& address : pod.addresses)
        pods_.emplace(address, std::pair(pod.namespace_, pod.name));
    }
  }
  for (const std::string& file : bpf::list(paths_.shape_files())) {
    const std::filesystem::path name(file);
    if (name.extension() != ".json") continue;
    // Shapes that were unloaded keep their names: their last events may still be in the ring.
    if (auto shape = endpoint::describe_shape(paths_, name.stem().string()))
      shapes_[shape->tag()] = std::move(*shape);
  }
}

void Names::index_state() {
  endpoints_.clear();
  identities_.clear();
  local_addresses_.clear();
  for (std::size_t i = 0; i < state_.endpoints.size(); ++i) {
    endpoints_.emplace(state_.endpoints[i].id, i);
    for (const IpAddress& address : state_.endpoints[i].addresses)
      local_addresses_.emplace(address, i);
  }
  for (std::size_t i = 0; i < state_.identities.size(); ++i)
    identities_.emplace(state_.identities[i].identity, i);
}

const endpoint::EndpointRecord* Names::record(const Event& event) {
  if (!endpoints_.contains(event.endpoint_id)) refresh();
  const auto found = endpoints_.find(event.endpoint_id);
  return found == endpoints_.end() ? nullptr : &state_.endpoints[found->second];
}

const ir::Shape* Names::shape(std::uint32_t tag) {
  if (!shapes_.contains(tag)) refresh();
  const auto found = shapes_.find(tag);
  return found == shapes_.end() ? nullptr : &found->second;
}

std::string Names::endpoint(const Event& event) {
  const endpoint::EndpointRecord* known = record(event);
  if (known == nullptr) return "interface " + std::to_string(event.interface_index);
  return known->name.empty() ? known->interface : known->name;
}

policy::LabelSet Names::labels(std::uint32_t identity) {
  if (!identities_.contains(identity)) refresh();
  if (const auto found = identities_.find(identity); found != identities_.end())
    return state_.identities[found->second].labels;
  policy::LabelSet labels;
  if (const auto name = reserved_identity_name(identity); identity != 0 && !name.empty())
    labels.add(policy::reserved_label(name));
  return labels;
}

Party Names::local(const Event& event) {
  Party party;
  party.endpoint_id = event.endpoint_id;
  party.identity = event.local_identity;
  const endpoint::EndpointRecord* known = record(event);
  if (known != nullptr) {
    std::tie(party.namespace_, party.pod) = split_name(known->name);
    party.interface = known->interface;
    party.labels = known->labels;
  }
  if (party.labels.empty()) party.labels = labels(party.identity);
  if (party.namespace_.empty()) party.namespace_ = namespace_in(party.labels);
  return party;
}

Party Names::peer(const Event& event, const std::optional<IpAddress>& address) {
  Party party;
  party.identity = event.peer_identity;
  party.labels = labels(party.identity);
  if (address) {
    // A pod whose identity is older than itself.
    if (party.labels.has_key(policy::kPodNamespaceKey) && !local_addresses_.contains(*address) &&
        !pods_.contains(*address))
      refresh();
    const auto here = local_addresses_.find(*address);
    // An address may belong to another pod by now.
    if (here != local_addresses_.end() &&
        state_.endpoints[here->second].identity == event.peer_identity) {
      const endpoint::EndpointRecord& record = state_.endpoints[here->second];
      party.endpoint_id = record.id;
      party.interface = record.interface;
      std::tie(party.namespace_, party.pod) = split_name(record.name);
      if (!record.labels.empty()) party.labels = record.labels;
    } else if (const auto pod = pods_.find(*address);
               pod != pods_.end() && pod->second.first == namespace_in(party.labels)) {
      std::tie(party.namespace_, party.pod) = pod->second;
    }
  }
  if (party.namespace_.empty()) party.namespace_ = namespace_in(party.labels);
  return party;
}

Cause Names::cause(const Event& event) {
  if (!policy_decided(event)) return {};
  const ir::Shape* known = shape(event.shape_tag);
  if (known == nullptr) return {};
  if (event.rule_id != 0) {
    // The packet may be a reply: then the decision is that of its connection's direction. A rule's
    // id is not given twice in a shape.
    const std::size_t other = event.direction == POLICYC_INGRESS ? POLICYC_EGRESS : POLICYC_INGRESS;
    const ir::Rule* rule = known->find_rule(event.direction, event.rule_id);
    const bool reply = rule == nullptr;
    if (reply) rule = known->find_rule(other, event.rule_id);
    if (rule == nullptr) return {event.rule_id, {}};
    return {event.rule_id, {rule->origin}, match_type(*rule, event, reply)};
  }
  if (event.verdict == POLICY_DEFAULT_DENY)
    return {std::nullopt, known->directions[event.direction].default_deny_origins, MatchType::None};
  return {};
}

}  // namespace policyc::observe
