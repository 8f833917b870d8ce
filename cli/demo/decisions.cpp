#include "cli/demo/decisions.h"

#include <algorithm>

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

namespace policyc::demo {
namespace {

// Packets of the exchange's original direction: that is the one that policy is asked about.
bool belongs(const observe::Event& event, const Exchange& exchange, std::uint16_t source_port) {
  const bool v6 = exchange.destination.v6;
  if (event.source != exchange.source || event.destination != exchange.destination) return false;
  if (event.protocol != ip_protocol(exchange.service, v6)) return false;
  if (exchange.service == Service::Ping)
    return event.destination_port == (v6 ? 0 + ICMP6_ECHO_REQUEST : 0 + ICMP_ECHO);
  return event.destination_port == exchange.port &&
         (source_port == 0 || event.source_port == source_port);
}

}  // namespace

Result<Decisions> Decisions::open(const endpoint::Paths& paths) {
  auto opened = maps::NodeMaps::open(paths.maps());
  if (!opened) return std::unexpected(opened.error());
  auto maps = std::make_unique<maps::NodeMaps>(std::move(*opened));
  auto reader = observe::Reader::open(*maps, events::From::Now);
  if (!reader) return std::unexpected(reader.error());
  return Decisions(std::move(maps), std::move(*reader), observe::Names(paths));
}

Result<std::vector<Decision>> Decisions::of(const Exchange& exchange, std::uint16_t source_port) {
  reader_.poll(0, [this](const observe::Event& event) {
    events_.push_back(event);
    return true;
  });
  std::vector<Decision> decisions;
  for (const observe::Event& event : events_) {
    if (!belongs(event, exchange, source_port)) continue;
    Decision decision{event.dropped,   event.reason,        names_.endpoint(event),
                      event.direction, names_.cause(event), event.source_port};
    if (std::find(decisions.begin(), decisions.end(), decision) == decisions.end())
      decisions.push_back(std::move(decision));
  }
  return decisions;
}

std::string describe(const ir::Origin& origin) {
  std::string text = origin.object;
  if (!origin.path.empty()) text += " " + origin.path;
  if (!origin.file.empty()) text += " (" + origin.place() + ")";
  return text;
}

}  // namespace policyc::demo
