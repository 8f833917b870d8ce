#include "compiler/suggest/flow_reader.h"

#include <algorithm>
#include <array>
#include <istream>
#include <optional>

#include "compiler/flows/reader.h"
#include "compiler/policy/text_format.h"
#include "compiler/support/result.h"

namespace policyc::suggest {
namespace {

// Strongest first: an address may have several of these labels.
constexpr std::array<std::string_view, 6> kEntities = {"kube-apiserver", "host",    "remote-node",
                                                       "health",         "ingress", "world"};

// Sorts one label of an identity to where a manifest would have it.
Result<void> take_label(const policy::Label& label, Party& party, std::set<std::string>& reserved) {
  if (label.source == "reserved") {
    reserved.insert(label.key);
    return {};
  }
  if (label.source != "k8s") return {};
  if (label.key == policy::kPodNamespaceKey) {
    party.namespace_ = label.value;
  } else if (label.key == policy::kServiceAccountKey) {
    party.service_account = label.value;
  } else if (label.key == policy::kClusterKey) {
    party.cluster = label.value;
  } else {
    const bool of_namespace = label.key.starts_with(policy::kNamespaceLabelsPrefix);
    const std::string own =
        of_namespace ? label.key.substr(policy::kNamespaceLabelsPrefix.size()) : label.key;
    if (policy::check_qualified_name(own) || policy::check_label_value(label.value))
      return fail("`" + ("k8s:" + label.key + "=" + label.value).substr(0, 100) + "` is no label");
    (of_namespace ? party.namespace_labels : party.labels)[own] = label.value;
  }
  return {};
}

Result<Party> party_of(const flows::FlowEnd& end, const std::string& side) {
  Party party;
  std::set<std::string> reserved;
  for (const policy::Label& label : end.labels.all()) {
    if (auto taken = take_label(label, party, reserved); !taken)
      return std::unexpected(taken.error());
  }
  if (party.namespace_.empty()) party.namespace_ = end.namespace_;
  party.pod = end.pod;
  if (reserved.empty() && !party.namespace_.empty()) {
    if (policy::check_dns_label(party.namespace_) ||
        (!party.pod.empty() && policy::check_dns_subdomain(party.pod)))
      return fail(side + " has no name of a pod or namespace");
    return party;
  }
  Party outside;
  for (const std::string_view entity : kEntities) {
    const bool world =
        entity == "world" && (reserved.contains("world-ipv4") || reserved.contains("world-ipv6"));
    if (!reserved.contains(std::string(entity)) && !world) continue;
    outside.entity = entity;
    break;
  }
  if (outside.entity.empty()) return fail(side + " is neither a pod nor an entity");
  if (outside.entity != "world") return outside;
  if (!end.address) return fail("IP." + side + " is no address");
  outside.address = *end.address;
  for (const std::string& name : end.names) {
    std::string lower = policy::ascii_lower(name);
    if (lower.ends_with('.')) lower.pop_back();
    if (!policy::check_dns_subdomain(lower)) outside.names.insert(lower);
  }
  return outside;
}

// Nothing: a flow that says nothing about who begins a connection.
Result<std::optional<SeenFlow>> seen_flow(const flows::FlowRecord& flow) {
  using policy::Protocol;
  const bool forwarded =
      flow.verdict == flows::Verdict::Forwarded || flow.verdict == flows::Verdict::Redirected;
  if (!forwarded || !flow.begins) return std::nullopt;
  const bool icmp = flow.protocol == Protocol::Icmp || flow.protocol == Protocol::IcmpV6;
  const bool has_ports = flow.protocol == Protocol::Tcp || flow.protocol == Protocol::Udp ||
                         flow.protocol == Protocol::Sctp;
  if (!icmp && (!has_ports || flow.port == 0)) return std::nullopt;
  SeenFlow seen;
  seen.protocol = flow.protocol;
  seen.port = flow.port;
  auto source = party_of(flow.source, "source");
  if (!source) return std::unexpected(source.error());
  auto destination = party_of(flow.destination, "destination");
  if (!destination) return std::unexpected(destination.error());
  seen.source = std::move(*source);
  seen.source.names.clear();  // nobody can be let in by a name
  seen.destination = std::move(*destination);
  if (!seen.source.is_pod() && !seen.destination.is_pod()) return std::nullopt;
  return seen;
}

Result<std::optional<SeenFlow>> read_line(const std::string& line) {
  const auto flow = flows::read_flow(line);
  if (!flow) return std::unexpected(flow.error());
  if (!*flow) return std::nullopt;
  return seen_flow(**flow);
}

// One line, of which no more is kept than a line may have. False at the end.
bool next_line(std::istream& in, std::string& line) {
  line.clear();
  constexpr int kEnd = std::char_traits<char>::eof();
  int c = in.get();
  if (c == kEnd) return false;
  for (; c != kEnd && c != '\n'; c = in.get()) {
    if (line.size() <= flows::kMaxLine) line += static_cast<char>(c);
  }
  return true;
}

}  // namespace

std::string Party::to_string() const {
  if (!is_pod()) return entity == "world" ? "world " + address.to_string() : entity;
  if (!pod.empty()) return namespace_ + "/" + pod;
  std::string name = namespace_ + "/";
  for (const auto& [key, value] : labels)
    name += (name.ends_with('/') ? "" : ",") + key + "=" + value;
  return name;
}

void read_flows(std::istream& in, ReadFlows& result) {
  std::string line;
  for (std::size_t number = 1; next_line(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    ++result.lines;
    auto flow = read_line(line);
    if (flow && *flow && result.flows.size() >= kMaxFlows && !result.flows.contains(**flow))
      flow = fail("more than " + std::to_string(kMaxFlows) + " different flows");
    if (!flow) {
      ++result.bad_lines;
      if (result.bad.size() < kMaxBadLines) result.bad.push_back({number, flow.error().message});
    } else if (!*flow) {
      ++result.left_out;
    } else {
      result.flows.insert(std::move(**flow));
    }
  }
}

}  // namespace policyc::suggest
