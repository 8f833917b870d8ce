// The values of filter flags.

#include <algorithm>
#include <charconv>
#include <span>

#include "compiler/policy/entry.h"
#include "loader/observe/filter.h"
#include "loader/observe/label_query.h"

namespace policyc::observe {
namespace {

std::string flag_name(const FilterFlag& flag) {
  return "--" + std::string(flag.name.substr(0, flag.name.find(',')));
}

std::unexpected<Error> refused(const FilterFlag& flag, const std::string& value,
                               const std::string& takes) {
  return fail(flag_name(flag) + ": `" + value + "` is not " + takes);
}

// All of the text, decimal.
template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

SideQuery& side_of(Query& query, FilterSide side) {
  switch (side) {
    case FilterSide::Source:
      return query.source;
    case FilterSide::Destination:
      return query.destination;
    case FilterSide::Either:
      break;
  }
  return query.either;
}

std::optional<SideQuery::Pod> parse_pod(const std::string& value) {
  const std::size_t slash = value.find('/');
  if (slash == std::string::npos) {
    if (value.empty()) return std::nullopt;
    return SideQuery::Pod{std::nullopt, value, true};
  }
  SideQuery::Pod pod;
  pod.name = value.substr(slash + 1);
  if (slash != 0) pod.namespace_ = value.substr(0, slash);
  const bool says_nothing = slash == 0 && pod.name.empty();
  if (says_nothing || pod.name.find('/') != std::string::npos) return std::nullopt;
  return pod;
}

std::optional<IpPrefix> parse_prefix(const std::string& value) {
  if (const auto address = parse_ip_address(value)) return host_prefix(*address);
  return parse_ip_prefix(value);
}

std::optional<std::vector<std::uint8_t>> parse_protocols(const std::string& value) {
  const auto of = [](auto... protocols) {
    return std::vector<std::uint8_t>{static_cast<std::uint8_t>(protocols)...};
  };
  using policy::Protocol;
  const std::string name = lower_case(value);
  if (name == "icmp") return of(Protocol::Icmp, Protocol::IcmpV6);
  if (name == "icmpv4") return of(Protocol::Icmp);
  if (name == "icmpv6") return of(Protocol::IcmpV6);
  if (name == "tcp") return of(Protocol::Tcp);
  if (name == "udp") return of(Protocol::Udp);
  if (name == "sctp") return of(Protocol::Sctp);
  if (name == "vrrp") return of(Protocol::Vrrp);
  if (name == "igmp") return of(Protocol::Igmp);
  return std::nullopt;
}

std::optional<Query::Type> parse_type(const std::string& value) {
  const std::size_t colon = value.find(':');
  const std::string name = lower_case(value.substr(0, colon));
  Query::Type type;
  if (name == "drop") type.type = kTypeDrop;
  if (name == "policy-verdict") type.type = kTypePolicyVerdict;
  if (name == "trace") type.type = kTypeTrace;
  if (type.type == 0) return std::nullopt;
  if (colon == std::string::npos) return type;
  const std::string sub = lower_case(value.substr(colon + 1));
  type.sub_type = number<int>(sub);
  if (type.type == kTypeTrace && sub == "to-endpoint") type.sub_type = 0;
  if (type.type == kTypeTrace && sub == "from-endpoint") type.sub_type = 5;
  if (!type.sub_type) return std::nullopt;
  return type;
}

// Names with commas between, whatever their case.
std::optional<std::uint8_t> parse_tcp_flags(const std::string& value) {
  std::uint8_t flags = 0;
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t comma = std::min(value.find(',', begin), value.size());
    const std::string name = lower_case(value.substr(begin, comma - begin));
    const std::span known(tcp_flags(), kTcpFlagCount);
    const auto found = std::ranges::find_if(
        known, [&name](const TcpFlag& flag) { return lower_case(std::string(flag.name)) == name; });
    if (found == known.end()) return std::nullopt;
    flags = static_cast<std::uint8_t>(flags | found->bit);
    begin = comma + 1;
  }
  return flags;
}

std::string known_reasons() {
  std::string text;
  for (const std::string_view name : drop_code_names()) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

// Appends what was parsed, or says what the flag takes.
template <class T>
Result<void> append(std::vector<T>& values, const std::optional<T>& parsed, const FilterFlag& flag,
                    const std::string& value, const std::string& takes) {
  if (!parsed) return refused(flag, value, takes);
  values.push_back(*parsed);
  return {};
}

Result<void> add_side_value(SideQuery& side, const FilterFlag& flag, const std::string& value) {
  switch (flag.field) {
    case FilterField::Namespace:
      if (value.empty() || value.find('/') != std::string::npos)
        return refused(flag, value, "a namespace");
      side.namespaces.push_back(value);
      return {};
    case FilterField::Pod:
      return append(side.pods, parse_pod(value), flag, value,
                    "[NAMESPACE/]PREFIX of a pod's name, nor NAMESPACE/");
    case FilterField::Label: {
      auto selector = parse_label_query(value);
      if (!selector) return fail(flag_name(flag) + ": " + selector.error().message);
      side.labels.push_back(std::move(*selector));
      return {};
    }
    case FilterField::Ip:
      return append(side.prefixes, parse_prefix(value), flag, value, "an address or a CIDR");
    case FilterField::Port:
      return append(side.ports, number<std::uint16_t>(value), flag, value, "a port, 0 to 65535");
    default: {
      auto identity = parse_reserved_identity(value);
      if (!identity) identity = number<std::uint32_t>(value);
      return append(side.identities, identity, flag, value,
                    "a number or the name of a reserved identity");
    }
  }
}

}  // namespace

Result<void> add_value(Query& query, const FilterFlag& flag, const std::string& value) {
  switch (flag.field) {
    case FilterField::Protocol: {
      const auto protocols = parse_protocols(value);
      if (!protocols)
        return refused(flag, value, "tcp, udp, sctp, icmp, icmpv4, icmpv6, vrrp or igmp");
      query.protocols.insert(query.protocols.end(), protocols->begin(), protocols->end());
      return {};
    }
    case FilterField::Verdict:
      return append(query.verdicts, parse_verdict(value), flag, value,
                    "FORWARDED, DROPPED, AUDIT or REDIRECTED");
    case FilterField::Type:
      return append(query.types, parse_type(value), flag, value,
                    "drop, policy-verdict or trace, with a known subtype after a colon");
    case FilterField::Direction: {
      const std::string name = lower_case(value);
      if (name != "ingress" && name != "egress") return refused(flag, value, "ingress or egress");
      query.directions.push_back(name == "ingress" ? POLICYC_INGRESS : POLICYC_EGRESS);
      return {};
    }
    case FilterField::DropReason:
      return append(query.drop_codes, parse_drop_code(value), flag, value,
                    "one of " + known_reasons());
    case FilterField::TcpFlags:
      return append(query.tcp_flags, parse_tcp_flags(value), flag, value,
                    "SYN, ACK, RST, FIN, PSH, URG, ECE, CWR, or several with commas between");
    case FilterField::Reply:
      query.replies.push_back(value == "true");
      return {};
    case FilterField::IpVersion: {
      const std::string given = lower_case(value);
      if (given != "v4" && given != "v6") return refused(flag, value, "v4 or v6");
      query.v6.push_back(given == "v6");
      return {};
    }
    default:
      return add_side_value(side_of(query, flag.side), flag, value);
  }
}

}  // namespace policyc::observe
