#include "compiler/graph/port_set.h"

#include <algorithm>
#include <array>

#include "compiler/ir/ir.h"

namespace policyc::graph {
namespace {

constexpr std::array<std::string_view, 6> kParsers = {"http", "kafka", "tls", "dns", "crd", "l7"};
constexpr std::uint16_t kLastPort = 0xffff;

std::vector<PortInterval> joined(std::vector<PortInterval> intervals) {
  const auto equal = [](const PortInterval& a, const PortInterval& b) {
    return a.flags == b.flags;
  };
  if (intervals.empty() || intervals.front().first != 0)
    intervals.insert(intervals.begin(), PortInterval{});
  intervals.erase(std::unique(intervals.begin(), intervals.end(), equal), intervals.end());
  return intervals;
}

const std::vector<PortInterval>& intervals_of(const std::vector<ProtocolPorts>& protocols,
                                              std::uint8_t protocol) {
  const auto found =
      std::lower_bound(protocols.begin(), protocols.end(), protocol,
                       [](const ProtocolPorts& a, std::uint8_t b) { return a.protocol < b; });
  return found != protocols.end() && found->protocol == protocol ? found->intervals
                                                                 : protocols.front().intervals;
}

// Both sweeps at once: an interval begins where one of the two has one.
template <class Combine>
std::vector<PortInterval> merged(const std::vector<PortInterval>& a,
                                 const std::vector<PortInterval>& b, Combine&& combine) {
  std::vector<PortInterval> result;
  std::size_t i = 0;
  std::size_t j = 0;
  while (true) {
    result.push_back({std::max(a[i].first, b[j].first), combine(a[i].flags, b[j].flags)});
    const unsigned next_a = i + 1 < a.size() ? a[i + 1].first : kLastPort + 1U;
    const unsigned next_b = j + 1 < b.size() ? b[j + 1].first : kLastPort + 1U;
    if (next_a > kLastPort && next_b > kLastPort) return result;
    if (next_a <= next_b) ++i;
    if (next_b <= next_a) ++j;
  }
}

template <class Combine>
std::vector<ProtocolPorts> merged(const std::vector<ProtocolPorts>& a,
                                  const std::vector<ProtocolPorts>& b, Combine&& combine) {
  std::vector<std::uint8_t> protocols;
  for (const auto* side : {&a, &b}) {
    for (const ProtocolPorts& part : *side) protocols.push_back(part.protocol);
  }
  std::sort(protocols.begin(), protocols.end());
  protocols.erase(std::unique(protocols.begin(), protocols.end()), protocols.end());
  std::vector<ProtocolPorts> result;
  for (const std::uint8_t protocol : protocols) {
    result.push_back(
        {protocol, merged(intervals_of(a, protocol), intervals_of(b, protocol), combine)});
  }
  return result;
}

}  // namespace

PortFlags parser_flag(std::string_view parser) {
  const auto found = std::find(kParsers.begin(), kParsers.end() - 1, parser);
  return static_cast<PortFlags>(1U << (kFirstParserBit + (found - kParsers.begin())));
}

std::vector<std::string_view> parser_names(PortFlags flags) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < kParsers.size(); ++i) {
    if ((flags >> (kFirstParserBit + i) & 1U) != 0) names.push_back(kParsers[i]);
  }
  return names;
}

PortSet::PortSet(std::vector<ProtocolPorts> protocols) : protocols_(std::move(protocols)) {
  std::sort(protocols_.begin(), protocols_.end(),
            [](const auto& a, const auto& b) { return a.protocol < b.protocol; });
  if (protocols_.empty() || protocols_.front().protocol != matrix::kAnyProtocol)
    protocols_.insert(protocols_.begin(), ProtocolPorts{});
  for (ProtocolPorts& part : protocols_) part.intervals = joined(std::move(part.intervals));
  const std::vector<PortInterval> others = protocols_.front().intervals;
  protocols_.erase(
      std::remove_if(protocols_.begin() + 1, protocols_.end(),
                     [&](const ProtocolPorts& part) { return part.intervals == others; }),
      protocols_.end());
}

PortSet PortSet::everything() { return PortSet({{matrix::kAnyProtocol, {{0, kAllowed}}}}); }

bool PortSet::empty() const {
  return protocols_.size() == 1 && protocols_.front().intervals.size() == 1 &&
         protocols_.front().intervals.front().flags == 0;
}

PortFlags PortSet::flags_of(std::uint8_t protocol, std::uint16_t port) const {
  const auto& intervals = intervals_of(protocols_, protocol);
  auto at = std::upper_bound(
      intervals.begin(), intervals.end(), port,
      [](std::uint16_t value, const PortInterval& interval) { return value < interval.first; });
  return (--at)->flags;
}

PortFlags PortSet::all_flags() const {
  unsigned flags = 0;
  for (const ProtocolPorts& part : protocols_) {
    for (const PortInterval& interval : part.intervals) flags |= interval.flags;
  }
  return static_cast<PortFlags>(flags);
}

std::vector<PortSpan> PortSet::spans() const {
  std::vector<PortSpan> spans;
  for (const ProtocolPorts& part : protocols_) {
    for (std::size_t i = 0; i < part.intervals.size(); ++i) {
      if (part.intervals[i].flags == 0) continue;
      const std::uint16_t last = i + 1 < part.intervals.size()
                                     ? static_cast<std::uint16_t>(part.intervals[i + 1].first - 1)
                                     : kLastPort;
      spans.push_back({part.protocol, part.intervals[i].first, last, part.intervals[i].flags});
    }
  }
  return spans;
}

std::string flags_text(PortFlags flags) {
  std::string text;
  const auto add = [&text](std::string_view word) {
    text += text.empty() ? " (" : ", ";
    text += word;
  };
  for (const std::string_view parser : parser_names(flags)) add(parser);
  if ((flags & kAuthenticated) != 0) add("authenticated");
  if ((flags & kAudited) != 0) add("audited");
  return text.empty() ? text : text + ")";
}

std::string span_text(const PortSpan& span) {
  const std::string name = ir::ir_protocol_name(span.protocol);
  if (span.first == 0 && span.last == kLastPort) return name;
  std::string text = name + "/" + std::to_string(span.first);
  if (span.last != span.first) text += "-" + std::to_string(span.last);
  return text;
}

std::string PortSet::to_string() const {
  const std::vector<PortSpan> all = spans();
  if (all.empty()) return "none";
  std::string text;
  std::string others;
  for (const PortSpan& span : all) {
    if (span.protocol == matrix::kAnyProtocol) {
      const bool whole = span.first == 0 && span.last == kLastPort;
      others = (protocols_.size() == 1 ? "any port" : "every other protocol") +
               (whole ? "" : " from " + std::to_string(span.first)) + flags_text(span.flags);
      continue;
    }
    text += (text.empty() ? "" : ", ") + span_text(span) + flags_text(span.flags);
  }
  if (others.empty()) return text;
  if (!text.empty()) return text + ", " + others;
  if (protocols_.size() == 1) return others;
  text = "every protocol but";
  for (std::size_t i = 1; i < protocols_.size(); ++i)
    text += (i == 1 ? " " : ", ") + ir::ir_protocol_name(protocols_[i].protocol);
  return text;
}

PortSet intersect(const PortSet& a, const PortSet& b) {
  return PortSet(merged(a.protocols_, b.protocols_, [](PortFlags x, PortFlags y) {
    return x == 0 || y == 0 ? PortFlags{0} : static_cast<PortFlags>(x | y);
  }));
}

PortSet unite(const PortSet& a, const PortSet& b) {
  return PortSet(merged(a.protocols_, b.protocols_,
                        [](PortFlags x, PortFlags y) { return static_cast<PortFlags>(x | y); }));
}

}  // namespace policyc::graph
