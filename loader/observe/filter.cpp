#include "loader/observe/filter.h"

#include <algorithm>

#include "compiler/policy/entry.h"

namespace policyc::observe {
namespace {

using enum FilterField;
using enum FilterSide;

constexpr FilterFlag kFlags[] = {
    {"namespace,n", "NAMESPACE", "one side is in this namespace", Namespace},
    {"from-namespace", "NAMESPACE", "the source is in this namespace", Namespace, Source},
    {"to-namespace", "NAMESPACE", "the destination is in this namespace", Namespace, Destination},
    {"pod", "[NAMESPACE/]PREFIX", "one side is this pod", Pod},
    {"from-pod", "[NAMESPACE/]PREFIX", "the source is this pod", Pod, Source},
    {"to-pod", "[NAMESPACE/]PREFIX", "the destination is this pod", Pod, Destination},
    {"label,l", "SELECTOR", "one side has such labels", Label},
    {"from-label", "SELECTOR", "the source has such labels", Label, Source},
    {"to-label", "SELECTOR", "the destination has such labels", Label, Destination},
    {"ip", "ADDRESS|CIDR", "one side has this address", Ip},
    {"from-ip", "ADDRESS|CIDR", "the source has this address", Ip, Source},
    {"to-ip", "ADDRESS|CIDR", "the destination has this address", Ip, Destination},
    {"port", "PORT", "one side has this port", Port},
    {"from-port", "PORT", "the source has this port", Port, Source},
    {"to-port", "PORT", "the destination has this port", Port, Destination},
    {"identity", "NUMBER|NAME", "one side has this identity", Identity},
    {"from-identity", "NUMBER|NAME", "the source has this identity", Identity, Source},
    {"to-identity", "NUMBER|NAME", "the destination has this identity", Identity, Destination},
    {"protocol", "PROTOCOL", "tcp, udp, sctp, icmp, icmpv4, icmpv6, vrrp or igmp", Protocol},
    {"tcp-flags", "FLAG[,FLAG]", "TCP with all of these flags, such as SYN,ACK", TcpFlags},
    {"reply", "", "packets of the side that did not begin the connection", Reply, Either, "true"},
    {"verdict", "VERDICT", "FORWARDED, DROPPED, AUDIT or REDIRECTED", Verdict},
    {"type,t", "TYPE[:SUB]", "drop, policy-verdict or trace", Type},
    {"traffic-direction", "DIRECTION", "ingress or egress", Direction},
    {"drop-reason-desc", "REASON", "Hubble's name of a drop reason", DropReason},
    {"ip-version", "v4|v6", "IPv4 or IPv6", IpVersion},
    {"ipv4,4", "", "only IPv4", IpVersion, Either, "v4"},
    {"ipv6,6", "", "only IPv6", IpVersion, Either, "v6"},
};

constexpr auto kTcp = static_cast<std::uint8_t>(policy::Protocol::Tcp);

// Whether nothing is asked or one of the values holds.
template <class Values, class Holds>
bool any_of(const Values& values, Holds holds) {
  return values.empty() || std::any_of(values.begin(), values.end(), holds);
}

template <class T>
bool one_of(const std::vector<T>& values, const T& value) {
  return values.empty() || std::ranges::find(values, value) != values.end();
}

bool is_pod(const SideQuery::Pod& query, const Side& side, bool namespaces_asked) {
  if (side.pod.empty() && (!query.name.empty() || side.namespace_.empty())) return false;
  if (!side.pod.starts_with(query.name)) return false;
  if (query.bare) return namespaces_asked || side.namespace_ == "default";
  return !query.namespace_ || side.namespace_ == *query.namespace_;
}

bool is_type(const Query::Type& query, const Flow& flow) {
  return query.type == flow.type() && (!query.sub_type || *query.sub_type == flow.sub_type());
}

}  // namespace

std::span<const FilterFlag> filter_flags() { return kFlags; }

bool SideQuery::matches(const Side& side, bool namespaces_asked) const {
  return one_of(namespaces, side.namespace_) && one_of(identities, side.identity) &&
         (ports.empty() || (side.port && one_of(ports, *side.port))) &&
         any_of(pods, [&](const Pod& pod) { return is_pod(pod, side, namespaces_asked); }) &&
         any_of(labels, [&](const auto& selector) { return selector.matches(side.labels); }) &&
         any_of(prefixes, [&](const IpPrefix& prefix) {
           return side.address && prefix.contains(*side.address);
         });
}

bool Query::matches(const Flow& flow) const {
  const bool namespaces_asked =
      !either.namespaces.empty() || !source.namespaces.empty() || !destination.namespaces.empty();
  const bool parsed = flow.source.address.has_value();
  return (protocols.empty() || (parsed && one_of(protocols, flow.event.protocol))) &&
         one_of(verdicts, flow.verdict) && one_of(directions, flow.direction) &&
         any_of(types, [&](const Type& type) { return is_type(type, flow); }) &&
         (drop_codes.empty() ||
          (flow.event.dropped && one_of(drop_codes, drop_code(flow.event.reason).number))) &&
         (tcp_flags.empty() ||
          (parsed && flow.event.protocol == kTcp &&
           any_of(tcp_flags,
                  [&](std::uint8_t flags) { return (flow.event.tcp_flags & flags) == flags; }))) &&
         (replies.empty() || (flow.reply && one_of(replies, *flow.reply))) &&
         (v6.empty() || (parsed && one_of(v6, flow.source.address->v6))) &&
         source.matches(flow.source, namespaces_asked) &&
         destination.matches(flow.destination, namespaces_asked) &&
         (either.matches(flow.source, namespaces_asked) ||
          either.matches(flow.destination, namespaces_asked));
}

Result<void> Filter::add(const FilterFlag& flag, const std::string& value, bool negated) {
  Query changed = negated ? hidden_.value_or(Query()) : shown_;
  if (auto added = add_value(changed, flag, value); !added) return added;
  if (negated) {
    hidden_ = std::move(changed);
  } else {
    shown_ = std::move(changed);
  }
  return {};
}

bool Filter::matches(const Flow& flow) const {
  return shown_.matches(flow) && !(hidden_ && hidden_->matches(flow));
}

}  // namespace policyc::observe
