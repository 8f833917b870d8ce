#include "loader/observe/format.h"

#include <array>
#include <cstdio>
#include <ctime>

#include <nlohmann/json.hpp>

namespace policyc::observe {
namespace {

constexpr std::uint64_t kNanoseconds = 1'000'000'000;

std::uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNanoseconds +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::string_view outcome(const Event& event) {
  if (event.dropped) return "DROPPED";
  return event.audited ? "AUDITED" : "FORWARDED";
}

std::string side(const std::optional<IpAddress>& address, std::uint16_t port) {
  if (!address) return "?";
  if (port == 0) return address->to_string();
  return (address->v6 ? "[" + address->to_string() + "]" : address->to_string()) + ":" +
         std::to_string(port);
}

std::string origin_text(const ir::Origin& origin) {
  std::string text = origin.object;
  if (!origin.path.empty()) text += " " + origin.path;
  if (const std::string place = origin.place(); !place.empty()) text += " at " + place;
  return text;
}

std::string cause_text(const Cause& cause) {
  std::string text;
  if (cause.rule_id) text += ", rule " + std::to_string(*cause.rule_id);
  for (std::size_t i = 0; i < cause.origins.size(); ++i) {
    text += i != 0 ? "; " : cause.rule_id ? " of " : ", by ";
    text += origin_text(cause.origins[i]);
  }
  return text;
}

std::string compact(const Event& event, Names& names, const std::string& time) {
  const bool icmp = is_icmp(event.protocol);
  std::string line = time + " " + names.endpoint(event) + " " +
                     std::string(ir::direction_name(static_cast<std::size_t>(event.direction))) +
                     " ";
  if (event.source) {
    line += side(event.source, icmp ? 0 : event.source_port) + " -> " +
            side(event.destination, icmp ? 0 : event.destination_port) + " " +
            protocol_text(event.protocol);
    if (icmp) line += " type " + std::to_string(event.destination_port);
  } else {
    line += "packet of " + std::to_string(event.length) + " bytes";
  }
  line += " " + std::string(outcome(event));
  line += " " + std::string(event.reason != DROP_NONE ? reason_text(event.reason)
                                                      : verdict_text(event.verdict));
  return line + cause_text(names.cause(event));
}

std::string json(const Event& event, Names& names, const std::string& time) {
  using Json = nlohmann::ordered_json;
  Json line = {{"time", time},
               {"endpoint",
                {{"id", event.endpoint_id},
                 {"name", names.endpoint(event)},
                 {"identity", event.local_identity}}},
               {"direction", ir::direction_name(static_cast<std::size_t>(event.direction))},
               {"outcome", outcome(event)},
               {"verdict", verdict_text(event.verdict)}};
  if (event.reason != DROP_NONE) line["reason"] = reason_text(event.reason);
  const bool icmp = is_icmp(event.protocol);
  const auto put = [&line, icmp](const char* key, const std::optional<IpAddress>& address,
                                 std::uint16_t port) {
    if (!address) return;
    line[key] = {{"address", address->to_string()}};
    if (!icmp && port != 0) line[key]["port"] = port;
  };
  put("source", event.source, event.source_port);
  put("destination", event.destination, event.destination_port);
  if (event.source) line["protocol"] = protocol_text(event.protocol);
  if (event.source && icmp) line["icmp_type"] = event.destination_port;
  line["peer"] = {{"identity", event.peer_identity}};
  if (const std::string labels = names.labels(event.peer_identity); !labels.empty())
    line["peer"]["labels"] = labels;
  line["length"] = event.length;
  const Cause cause = names.cause(event);
  if (cause.rule_id) line["rule"] = *cause.rule_id;
  for (const ir::Origin& origin : cause.origins) {
    line["policies"].push_back({{"object", origin.object},
                                {"path", origin.path},
                                {"file", origin.file},
                                {"line", origin.line}});
  }
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::uint64_t wall_clock_offset_ns() {
  return clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
}

std::string time_text(std::uint64_t since_1970_ns) {
  const auto seconds = static_cast<std::time_t>(since_1970_ns / kNanoseconds);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%06uZ",
                static_cast<unsigned>(since_1970_ns % kNanoseconds / 1000) % 1'000'000U);
  return std::string(date.data()) + fraction.data();
}

std::string format(const Event& event, Names& names, Format format, std::uint64_t clock_offset_ns) {
  const std::string time = time_text(event.time_ns + clock_offset_ns);
  return format == Format::Json ? json(event, names, time) : compact(event, names, time);
}

}  // namespace policyc::observe
