#include "cli/service_print.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <tuple>

#include <nlohmann/json.hpp>

namespace policyc::cli {
namespace {

using Json = nlohmann::ordered_json;
using service::ListedBackend;
using service::ListedFrontend;
using service::ListedSet;

std::string protocol_name(std::uint8_t protocol) {
  return protocol == service::kTcp    ? "TCP"
         : protocol == service::kUdp  ? "UDP"
         : protocol == service::kSctp ? "SCTP"
                                      : std::to_string(protocol);
}

std::string place(const IpAddress& address, std::uint16_t port) {
  const std::string text = address.to_string();
  return (address.v6 ? "[" + text + "]" : text) + ":" + std::to_string(port);
}

std::string frontend_text(const ListedFrontend& frontend) {
  return place(frontend.key.address, frontend.key.port) + "/" +
         protocol_name(frontend.key.protocol);
}

std::string flags_text(const ListedFrontend& frontend) {
  std::string text;
  const auto add = [&text](const std::string& word) { text += (text.empty() ? "" : ", ") + word; };
  if ((frontend.flags & FRONTEND_MAGLEV) != 0) add("maglev");
  if ((frontend.flags & FRONTEND_DSR) != 0) add("dsr");
  if ((frontend.flags & FRONTEND_OTHER_FAMILY) != 0) add("nat46x64");
  if ((frontend.flags & FRONTEND_LOOPBACK) != 0) add("loopback");
  if (frontend.affinity_seconds != 0)
    add("affinity " + std::to_string(frontend.affinity_seconds) + " s");
  if ((frontend.flags & FRONTEND_SOURCE_RANGES) != 0) {
    std::string from;
    for (const IpPrefix& prefix : frontend.source_ranges)
      from += (from.empty() ? "" : " ") + prefix.to_string();
    add("from " + (from.empty() ? std::string("nobody") : from));
  }
  return text;
}

Json backend_json(const ListedBackend& backend, bool numbers) {
  Json json;
  if (numbers) json["number"] = backend.number;
  json["address"] = backend.address.to_string();
  json["port"] = backend.port;
  json["state"] = service::backend_state_name(backend.state);
  if (backend.state_set) json["state_set"] = true;
  json["new_connections"] = backend.takes_new;
  json["local"] = backend.local;
  if (backend.zone != 0) json["zone"] = backend.zone;
  if (numbers) json["generation"] = backend.generation;
  return json;
}

Json set_json(const ListedSet& set, bool numbers) {
  if (set.number == 0) return nullptr;
  Json json;
  if (numbers) json["number"] = set.number;
  json["local_only"] = set.local_only;
  if (numbers) json["maglev_table"] = set.maglev;
  json["backends"] = Json::array();
  for (const ListedBackend& backend : set.backends)
    json["backends"].push_back(backend_json(backend, numbers));
  return json;
}

ListedSet listed_set(const service::DesiredService& wanted, std::optional<std::size_t> index) {
  ListedSet set;
  if (!index) return set;
  const service::BackendSet& from = wanted.sets[*index];
  set.number = static_cast<std::uint32_t>(*index + 1);
  set.local_only = from.local_only;
  for (const service::Backend& backend : from.backends) {
    ListedBackend listed;
    listed.address = backend.address;
    listed.port = backend.port;
    listed.state = static_cast<std::uint8_t>(backend.state);
    listed.zone = backend.zone;
    listed.local = backend.local;
    set.backends.push_back(listed);
  }
  for (const std::size_t i : service::takers_of_new_connections(from.backends))
    set.backends[i].takes_new = true;
  return set;
}

void print_set(const ListedSet& set, const std::string& scope, std::ostream& out) {
  out << "    " << scope << (set.local_only ? ", of this node alone" : "") << ":";
  if (set.backends.empty()) out << " no backends";
  out << "\n";
  for (const ListedBackend& backend : set.backends) {
    out << "      " << place(backend.address, backend.port);
    if (backend.state != BACKEND_ACTIVE) out << " " << service::backend_state_name(backend.state);
    if (backend.state != BACKEND_ACTIVE && backend.takes_new) out << ", takes new connections";
    if (backend.state == BACKEND_ACTIVE && !backend.takes_new) out << " not in use";
    if (backend.state_set) out << ", set by hand";
    if (backend.local) out << " (local)";
    out << "\n";
  }
}

}  // namespace

std::vector<ListedFrontend> as_listed(const std::vector<service::DesiredService>& services) {
  std::vector<ListedFrontend> result;
  for (const service::DesiredService& wanted : services) {
    for (const service::Frontend& frontend : wanted.frontends) {
      ListedFrontend listed;
      listed.key = {frontend.address, frontend.port, frontend.protocol};
      listed.number = static_cast<std::uint32_t>(result.size() + 1);
      listed.flags = frontend.flags;
      listed.affinity_seconds = frontend.affinity_seconds;
      listed.service = wanted.name;
      listed.external = listed_set(wanted, frontend.external);
      listed.internal = listed_set(wanted, frontend.internal);
      const auto index = frontend.internal ? frontend.internal : frontend.external;
      if (index) listed.port = wanted.sets[*index].port;
      listed.source_ranges = frontend.source_ranges;
      result.push_back(std::move(listed));
    }
  }
  std::ranges::sort(result, [](const ListedFrontend& a, const ListedFrontend& b) {
    return std::tie(a.service, a.key) < std::tie(b.service, b.key);
  });
  return result;
}

void print_services(const std::vector<ListedFrontend>& frontends, std::ostream& out) {
  struct Row {
    std::set<std::string> types;
    std::size_t frontends = 0;
    std::map<std::string, bool> backends;  // and whether one takes new connections
  };
  std::map<std::string, Row> rows;
  for (const ListedFrontend& frontend : frontends) {
    if (frontend.number == 0) continue;
    Row& row = rows[frontend.service.empty() ? "?" : frontend.service];
    row.types.insert(service::frontend_type_name(frontend.flags));
    ++row.frontends;
    for (const ListedSet* set : {&frontend.external, &frontend.internal}) {
      for (const ListedBackend& backend : set->backends) {
        bool& takes = row.backends[place(backend.address, backend.port)];
        takes = takes || backend.takes_new;
      }
    }
  }
  const auto column = [&out](int width, const std::string& text) {
    out << std::left << std::setw(width - 1) << text << " ";
  };
  column(40, "SERVICE");
  column(36, "TYPES");
  column(11, "FRONTENDS");
  out << "BACKENDS\n";
  for (const auto& [name, row] : rows) {
    column(40, name);
    std::string types;
    for (const std::string& type : row.types) types += (types.empty() ? "" : ",") + type;
    column(36, types);
    column(11, std::to_string(row.frontends));
    const auto takers = std::ranges::count_if(row.backends, [](const auto& b) { return b.second; });
    out << takers << "/" << row.backends.size() << "\n";
  }
}

void print_frontends(const std::vector<ListedFrontend>& frontends, std::ostream& out) {
  for (const ListedFrontend& frontend : frontends) {
    if (frontend.number == 0) continue;
    out << frontend_text(frontend) << " " << service::frontend_type_name(frontend.flags);
    if (!frontend.service.empty()) out << " of " << frontend.service << " port " << frontend.port;
    if (const std::string flags = flags_text(frontend); !flags.empty()) out << " (" << flags << ")";
    out << "\n";
    if (frontend.external.number == frontend.internal.number) {
      print_set(frontend.external, "all clients", out);
      continue;
    }
    if (frontend.external.number != 0) print_set(frontend.external, "from outside", out);
    if (frontend.internal.number != 0) print_set(frontend.internal, "from the cluster", out);
  }
}

void print_frontends_json(const std::vector<ListedFrontend>& frontends, bool numbers,
                          std::ostream& out) {
  Json list = Json::array();
  for (const ListedFrontend& frontend : frontends) {
    Json json;
    json["address"] = frontend.key.address.to_string();
    if (frontend.number == 0) {
      // The address belongs to services alone.
      if (!numbers) continue;
      json["closed"] = true;
      list.push_back(std::move(json));
      continue;
    }
    json["port"] = frontend.key.port;
    json["protocol"] = protocol_name(frontend.key.protocol);
    if (numbers) json["number"] = frontend.number;
    json["type"] = service::frontend_type_name(frontend.flags);
    if ((frontend.flags & FRONTEND_LOOPBACK) != 0) json["loopback"] = true;
    json["service"] = frontend.service.empty() ? Json() : Json(frontend.service);
    json["service_port"] = frontend.port;
    json["algorithm"] = (frontend.flags & FRONTEND_MAGLEV) != 0 ? "maglev" : "random";
    json["forwarding_mode"] = (frontend.flags & FRONTEND_DSR) != 0 ? "dsr" : "snat";
    json["nat46x64"] = (frontend.flags & FRONTEND_OTHER_FAMILY) != 0;
    json["affinity_seconds"] = frontend.affinity_seconds;
    if ((frontend.flags & FRONTEND_SOURCE_RANGES) != 0) {
      json["source_ranges"] = Json::array();
      for (const IpPrefix& prefix : frontend.source_ranges)
        json["source_ranges"].push_back(prefix.to_string());
    }
    json["external"] = set_json(frontend.external, numbers);
    json["internal"] = set_json(frontend.internal, numbers);
    list.push_back(std::move(json));
  }
  out << list.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace policyc::cli
