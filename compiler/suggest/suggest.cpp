#include "compiler/suggest/suggest.h"

#include <algorithm>
#include <array>
#include <map>

#include <nlohmann/json.hpp>

#include "compiler/policy/text_format.h"
#include "compiler/suggest/workloads.h"

namespace policyc::suggest {
namespace {

using policy::Protocol;
using Ports = std::set<std::pair<Protocol, std::uint16_t>>;

constexpr std::uint16_t kDnsPort = 53;

// In the order in which rules are written.
enum class PeerKind : std::uint8_t { Workload, Dns, Entity, Name, Cidr };

struct Peer {
  PeerKind kind = PeerKind::Workload;
  Workload workload;
  std::string text;  // an entity, a name, a prefix
  friend auto operator<=>(const Peer&, const Peer&) = default;
};

using Direction = std::map<Peer, Ports>;
struct WorkloadRules {
  Direction ingress, egress;
};

bool is_icmp(Protocol protocol) {
  return protocol == Protocol::Icmp || protocol == Protocol::IcmpV6;
}

// Plain where YAML reads the text as itself, else quoted.
std::string scalar(const std::string& text) {
  static constexpr std::array<std::string_view, 9> kWords = {"true", "false", "null", "yes", "no",
                                                             "on",   "off",   "y",    "n"};
  const std::string lower = policy::ascii_lower(text);
  const bool letter = !text.empty() && std::isalpha(static_cast<unsigned char>(text[0])) != 0;
  const bool plain = letter &&
                     std::all_of(text.begin(), text.end(),
                                 [](char c) {
                                   return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                                          c == '-' || c == '_' || c == '.' || c == '/';
                                 }) &&
                     std::find(kWords.begin(), kWords.end(), lower) == kWords.end();
  return plain ? text
               : nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

class Writer {
 public:
  explicit Writer(const std::set<SeenFlow>& flows) : workloads_(flows) {
    for (const Party& pod : workloads_.pods()) rules_[workloads_.of(pod)];
    for (const SeenFlow& flow : flows) {
      if (flow.source.is_pod() && flow.destination.is_pod() && asks_dns(flow))
        asks_dns_.insert(workloads_.of(flow.source));
    }
    for (const SeenFlow& flow : flows) {
      const std::pair port(flow.protocol, flow.port);
      if (flow.source.is_pod()) {
        for (const Peer& peer : peers_of(flow, flow.destination))
          rules_[workloads_.of(flow.source)].egress[peer].insert(port);
      }
      // What the node itself sends is always let in (agent option allow-localhost).
      if (flow.destination.is_pod() && flow.source.entity != "host") {
        for (const Peer& peer : peers_of(flow, flow.source))
          rules_[workloads_.of(flow.destination)].ingress[peer].insert(port);
      }
    }
  }

  std::string run() {
    std::string text;
    for (const auto& [workload, rules] : rules_) {
      text += (text.empty() ? "" : "---\n") +
              std::string("apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata:\n") +
              "  name: " + scalar(name_of(workload)) +
              "\n  namespace: " + scalar(workload.namespace_) +
              "\nspec:\n  endpointSelector:" + (workload.labels.empty() ? " {}\n" : "\n") +
              match_labels(workload.labels, "    ", "");
      text += direction("ingress", "from", rules.ingress, workload);
      text += direction("egress", "to", rules.egress, workload);
    }
    return text;
  }

 private:
  [[nodiscard]] std::vector<Peer> peers_of(const SeenFlow& flow, const Party& party) const {
    if (party.is_pod()) {
      const bool dns = &party == &flow.destination && asks_dns(flow);
      return {{dns ? PeerKind::Dns : PeerKind::Workload, workloads_.of(party), ""}};
    }
    if (party.entity != "world") return {{PeerKind::Entity, {}, party.entity}};
    // One name is enough to be let out; which one was meant cannot be seen.
    // Without queries through the DNS proxy names select nothing.
    if (!party.names.empty() && flow.source.is_pod() &&
        asks_dns_.contains(workloads_.of(flow.source)))
      return {{PeerKind::Name, {}, *party.names.begin()}};
    return {{PeerKind::Cidr, {}, host_prefix(party.address).to_string()}};
  }

  [[nodiscard]] bool asks_dns(const SeenFlow& flow) const {
    return flow.port == kDnsPort && !is_icmp(flow.protocol) &&
           is_dns_server(workloads_.of(flow.destination));
  }

  static bool is_dns_server(const Workload& workload) {
    const auto found = workload.labels.find("k8s-app");
    return workload.namespace_ == "kube-system" && found != workload.labels.end() &&
           found->second == "kube-dns";
  }

  // The first value of its labels, as a name of an object.
  std::string name_of(const Workload& workload) {
    std::string name;
    if (!workload.labels.empty()) name = policy::ascii_lower(workload.labels.begin()->second);
    for (char& c : name) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '-';
    }
    while (name.ends_with('-')) name.pop_back();
    name.erase(0, std::min(name.find_first_not_of('-'), name.size()));
    if (name.empty()) name = "pods";
    std::string unique = name;
    for (int i = 2; !names_.emplace(workload.namespace_, unique).second; ++i)
      unique = name + "-" + std::to_string(i);
    return unique;
  }

  static std::string match_labels(const policy::StringMap& labels, const std::string& indent,
                                  const std::string& other_namespace) {
    std::string text;
    if (labels.empty() && other_namespace.empty()) return text;
    text += indent + "matchLabels:\n";
    for (const auto& [key, value] : labels)
      text += indent + "  " + scalar(key) + ": " + scalar(value) + "\n";
    if (!other_namespace.empty()) {
      text += indent + "  k8s:io.kubernetes.pod.namespace: " + scalar(other_namespace) + "\n";
    }
    return text;
  }

  // Peers with the same ports stand in one rule; each kind of peer has its own.
  std::string direction(const std::string& name, const std::string& side, const Direction& peers,
                        const Workload& workload) const {
    std::string text = "  " + name + ":\n";
    if (peers.empty()) return text + "    - {}\n";
    const bool names = std::any_of(peers.begin(), peers.end(), [](const auto& peer) {
      return peer.first.kind == PeerKind::Name;
    });
    std::map<std::tuple<PeerKind, bool, Ports>, std::vector<const Peer*>> rules;
    for (const auto& [peer, ports] : peers) {
      for (const bool icmp : {false, true}) {
        Ports own;
        std::copy_if(ports.begin(), ports.end(), std::inserter(own, own.end()),
                     [icmp](const auto& port) { return is_icmp(port.first) == icmp; });
        if (!own.empty()) rules[{peer.kind, icmp, own}].push_back(&peer);
      }
    }
    for (const auto& [key, members] : rules) {
      const auto& [kind, icmp, ports] = key;
      text += peer_list(side, kind, members, workload);
      text += icmp ? icmp_list(ports) : port_list(ports, kind == PeerKind::Dns && names);
    }
    return text;
  }

  static std::string peer_list(const std::string& side, PeerKind kind,
                               const std::vector<const Peer*>& peers, const Workload& workload) {
    static constexpr std::array<std::string_view, 5> kFields = {"Endpoints", "Endpoints",
                                                                "Entities", "FQDNs", "CIDR"};
    std::string text =
        "    - " + side + std::string(kFields[static_cast<std::size_t>(kind)]) + ":\n";
    for (const Peer* peer : peers) {
      if (kind == PeerKind::Name) {
        text += "        - matchName: " + scalar(peer->text) + "\n";
      } else if (kind == PeerKind::Entity || kind == PeerKind::Cidr) {
        text += "        - " + scalar(peer->text) + "\n";
      } else {
        const bool near = peer->workload.namespace_ == workload.namespace_;
        const std::string labels = match_labels(peer->workload.labels, "          ",
                                                near ? "" : peer->workload.namespace_);
        text += labels.empty() ? "        - {}\n" : "        - " + labels.substr(10);
      }
    }
    return text;
  }

  // Neighbours become a range: it holds nothing else.
  static std::string port_list(const Ports& ports, bool asked_for_names) {
    std::string text = "      toPorts:\n        - ports:\n";
    for (auto at = ports.begin(); at != ports.end();) {
      auto last = at;
      auto next = std::next(at);
      while (next != ports.end() && next->first == at->first && next->second == last->second + 1) {
        last = next++;
      }
      if (last->second - at->second < 2) last = at, next = std::next(at);
      text += "            - port: \"" + std::to_string(at->second) + "\"\n";
      if (last != at) text += "              endPort: " + std::to_string(last->second) + "\n";
      text += "              protocol: " + std::string(policy::protocol_name(at->first)) + "\n";
      at = next;
    }
    // Names are known from the answers that the agent's DNS proxy sees.
    if (asked_for_names)
      text += "          rules:\n            dns:\n              - matchPattern: \"*\"\n";
    return text;
  }

  static std::string icmp_list(const Ports& types) {
    std::string text = "      icmps:\n        - fields:\n";
    for (const auto& [protocol, type] : types) {
      text += std::string("            - family: ") +
              (protocol == Protocol::Icmp ? "IPv4" : "IPv6") +
              "\n              type: " + std::to_string(type) + "\n";
    }
    return text;
  }

  Workloads workloads_;
  std::map<Workload, WorkloadRules> rules_;
  std::set<Workload> asks_dns_;
  std::set<std::pair<std::string, std::string>> names_;
};

}  // namespace

std::string write_policies(const std::set<SeenFlow>& flows) { return Writer(flows).run(); }

}  // namespace policyc::suggest
