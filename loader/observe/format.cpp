#include "loader/observe/format.h"

#include <algorithm>
#include <utility>

namespace policyc::observe {
namespace {

constexpr std::pair<std::string_view, Format> kFormats[] = {
    {"compact", Format::Compact}, {"json", Format::Json}, {"jsonpb", Format::Json},
    {"dict", Format::Dict},       {"tab", Format::Tab},   {"table", Format::Tab}};

// Columns of a row, node among them.
constexpr std::string_view kColumns[] = {"TIMESTAMP", "NODE",    "SOURCE",  "DESTINATION",
                                         "TYPE",      "VERDICT", "SUMMARY", "RULE"};
constexpr std::size_t kNodeColumn = 1;
constexpr std::size_t kGap = 3;

// "shop/web:80", "10.0.0.5:80", "[fd00::5]:80"; "?" for what is not known.
std::string host(const Side& side) {
  std::string text = side.full_name();
  if (side.pod.empty()) {
    if (side.address) {
      text = side.address->to_string();
      if (side.address->v6 && side.port) text = "[" + text + "]";
    } else {
      text = side.interface.empty() ? "?" : side.interface;
    }
  }
  if (side.port) text += ":" + std::to_string(*side.port);
  return text;
}

// "(ID:1234)", "(world)".
std::string identity(const Side& side) {
  const std::string_view name = reserved_identity_name(side.identity);
  return name.empty() ? "(ID:" + std::to_string(side.identity) + ")"
                      : "(" + std::string(name) + ")";
}

std::string origin_text(const ir::Origin& origin) {
  std::string text = origin.object;
  if (!origin.path.empty()) text += " " + origin.path;
  if (const std::string place = origin.place(); !place.empty()) text += " at " + place;
  return text;
}

// "rule 3 of NetworkPolicy/a/b spec.ingress[0] at a.yaml:7", "by NetworkPolicy/a/b at a.yaml:2".
std::string cause_text(const Cause& cause) {
  std::string text;
  if (cause.rule_id) text = "rule " + std::to_string(*cause.rule_id);
  for (std::size_t i = 0; i < cause.origins.size(); ++i) {
    text += i != 0 ? "; " : cause.rule_id ? " of " : "by ";
    text += origin_text(cause.origins[i]);
  }
  return text;
}

std::string summary_text(const Flow& flow) {
  if (flow.source.address) return flow.summary();
  return "packet of " + std::to_string(flow.event.length) + " bytes";
}

}  // namespace

std::optional<Format> parse_format(std::string_view name) {
  for (const auto& [known, format] : kFormats) {
    if (known == name) return format;
  }
  return std::nullopt;
}

std::string compact_line(const Flow& flow, const FormatOptions& options) {
  // A reply is shown the way round that its connection was opened.
  const bool reply = flow.reply.value_or(false);
  const Side& left = reply ? flow.destination : flow.source;
  const Side& right = reply ? flow.source : flow.destination;
  std::string line = time_text(flow.time_ns, options.time);
  if (options.node) line += " [" + flow.node + "]";
  line += ": " + host(left) + " " + identity(left);
  line += !flow.reply ? " <> " : reply ? " <- " : " -> ";
  line += host(right) + " " + identity(right) + " " + flow.type_text() + " ";
  line += std::string(flow.verdict_text()) + " (" + summary_text(flow) + ")";
  if (const std::string cause = cause_text(flow.cause); !cause.empty()) line += ", " + cause;
  return line;
}

Formatter::Row Formatter::row(const Flow& flow) const {
  return {time_text(flow.time_ns, options_.time),
          flow.node,
          host(flow.source) + " " + identity(flow.source),
          host(flow.destination) + " " + identity(flow.destination),
          flow.type_text(),
          std::string(flow.verdict_text()),
          summary_text(flow),
          cause_text(flow.cause)};
}

std::string Formatter::dict(const Flow& flow) {
  std::string text = std::exchange(started_, true) ? "------------\n" : "";
  constexpr std::size_t kWidth = std::string_view("DESTINATION").size();
  const Row cells = row(flow);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i == kNodeColumn && !options_.node) continue;
    if (cells[i].empty()) continue;
    text += std::string(kWidth - kColumns[i].size(), ' ') + std::string(kColumns[i]) + ": " +
            cells[i] + "\n";
  }
  return text;
}

std::string Formatter::table(std::span<const Flow> flows) {
  std::vector<Row> rows;
  if (!std::exchange(started_, true)) rows.emplace_back(std::begin(kColumns), std::end(kColumns));
  for (const Flow& flow : flows) rows.push_back(row(flow));
  widths_.resize(std::size(kColumns));
  for (const Row& cells : rows) {
    for (std::size_t i = 0; i < cells.size(); ++i)
      widths_[i] = std::max(widths_[i], cells[i].size());
  }
  std::string text;
  for (const Row& cells : rows) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i == kNodeColumn && !options_.node) continue;
      line += cells[i] + std::string(widths_[i] - cells[i].size() + kGap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string Formatter::flows(std::span<const Flow> flows) {
  if (flows.empty()) return "";
  if (options_.format == Format::Tab) return table(flows);
  std::string text;
  for (const Flow& flow : flows) {
    switch (options_.format) {
      case Format::Json:
        text += json_line(flow, options_.boot) + "\n";
        break;
      case Format::Dict:
        text += dict(flow);
        break;
      case Format::Compact:
      case Format::Tab:
        text += compact_line(flow, options_) + "\n";
        break;
    }
  }
  return text;
}

std::string Formatter::lost(std::uint64_t count, const std::string& node,
                            std::uint64_t since_1970_ns) const {
  if (options_.format == Format::Json) return lost_json_line(count, node, since_1970_ns) + "\n";
  std::string line = time_text(since_1970_ns, options_.time);
  if (options_.node) line += " [" + node + "]";
  return line + " EVENTS LOST: PERF_EVENT_RING_BUFFER " + std::to_string(count) + "\n";
}

}  // namespace policyc::observe
