#pragma once
// Which flows are shown: Hubble's filter flags.
//
// Values of one flag are alternatives; different flags must all hold. A flag for either side
// (`pod`) and another one (`label`) must hold for the same side. Negated flags make a second filter
// by the same rules, and what it lets through is not shown.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/selector.h"
#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/observe/flow.h"

namespace policyc::observe {

enum class FilterField : std::uint8_t {
  Namespace,
  Pod,
  Label,
  Ip,
  Port,
  Identity,
  Protocol,
  Verdict,
  Type,
  Direction,
  DropReason,
  IpVersion,
  TcpFlags,
  Reply
};
enum class FilterSide : std::uint8_t { Either, Source, Destination };

struct FilterFlag {
  std::string_view name;   // as typed after "--"; after a comma a letter
  std::string_view value;  // what it takes, for the help text; empty: nothing
  std::string_view help;
  FilterField field;
  FilterSide side = FilterSide::Either;
  std::string_view implied = {};  // the value of a flag that takes none
};
[[nodiscard]] std::span<const FilterFlag> filter_flags();

// What one side must be; an empty list asks nothing.
struct SideQuery {
  struct Pod {
    std::optional<std::string> namespace_;  // nothing: any
    std::string name;                       // a prefix
    bool bare = false;  // without a namespace: "default", unless namespaces are asked for
  };
  std::vector<std::string> namespaces;
  std::vector<Pod> pods;
  std::vector<policy::Selector> labels;
  std::vector<IpPrefix> prefixes;
  std::vector<std::uint16_t> ports;  // host order
  std::vector<std::uint32_t> identities;

  [[nodiscard]] bool matches(const Side& side, bool namespaces_asked) const;
};

// One filter: all of it must hold.
struct Query {
  struct Type {
    int type = 0;
    std::optional<int> sub_type;
  };
  SideQuery either;
  SideQuery source;
  SideQuery destination;
  std::vector<std::uint8_t> protocols;
  std::vector<FlowVerdict> verdicts;
  std::vector<Type> types;
  std::vector<policyc_direction> directions;
  std::vector<std::uint32_t> drop_codes;
  std::vector<bool> v6;
  std::vector<std::uint8_t> tcp_flags;  // all bits of one
  std::vector<bool> replies;

  [[nodiscard]] bool matches(const Flow& flow) const;
};

class Filter {
 public:
  // An Error says what the flag takes; the filter is as before then.
  [[nodiscard]] Result<void> add(const FilterFlag& flag, const std::string& value, bool negated);
  [[nodiscard]] bool matches(const Flow& flow) const;

 private:
  Query shown_;
  std::optional<Query> hidden_;
};

// Adds one value of a flag (filter_values.cpp). Values:
//   namespace   a name
//   pod         [NAMESPACE/]PREFIX; `NAMESPACE/` every pod there, `/PREFIX` in any namespace,
//               without a slash in the namespace "default", or in any when `namespace` is asked too
//   label       a selector (label_query.h)
//   ip          an address or a prefix
//   identity    a number or the name of a reserved one
//   protocol    tcp, udp, sctp, icmp (both), icmpv4, icmpv6, vrrp, igmp
//   tcp-flags   names with commas between, all of which must be set: SYN,ACK
//   type        drop, policy-verdict, trace; with `:SUB` of that subtype alone, a number or
//               to-endpoint, from-endpoint
[[nodiscard]] Result<void> add_value(Query& query, const FilterFlag& flag,
                                     const std::string& value);

}  // namespace policyc::observe
