#include "cli/kube_proxy_report.h"

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace policyc::cli {
namespace {

using Json = nlohmann::ordered_json;
using kubeproxy::CleanedTable;
using kubeproxy::IptablesTable;
using kubeproxy::KeptChain;
using kubeproxy::Rule;
using kubeproxy::TableLeftovers;

constexpr std::string_view kTranslates =
    "its DNAT rules translate what the node's own processes send before policyc's host program "
    "sees the packet, and send what policyc leaves alone to backends that may be long gone; its "
    "masquerading hides the sender's address from policies";
constexpr std::string_view kFilters =
    "its rules reject or drop packets to services and node ports by a list that nobody keeps, "
    "after policyc has let them through";
constexpr std::string_view kMangles =
    "an empty chain by which kube-proxy notices that its rules were flushed; it does nothing to a "
    "packet";
constexpr std::string_view kNotReached =
    "no rule outside leads into them, so they do nothing to a packet; they only take memory";

std::string count(std::size_t number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

std::string where(kubeproxy::Family family, kubeproxy::Backend backend, const std::string& table) {
  return std::string(kubeproxy::backend_name(backend)) + ", " +
         std::string(kubeproxy::family_name(family)) + ", table " + table;
}

std::string whole_rule(const Rule& rule) { return "-A " + rule.chain + " " + rule.text; }

std::string_view conflict_of(const TableLeftovers& leftovers) {
  if (leftovers.table == "nat" && !(leftovers.jumps.empty() && leftovers.used_by_others.empty()))
    return kTranslates;
  if (leftovers.table == "mangle") return kMangles;
  if (leftovers.jumps.empty() && leftovers.used_by_others.empty()) return kNotReached;
  return kFilters;
}

std::string kinds_of(const TableLeftovers& leftovers) {
  std::string text;
  for (const auto& [kind, number] : leftovers.kinds()) {
    text += (text.empty() ? "" : ", ") + kind;
    if (kind.ends_with('*')) text += " (" + std::to_string(number) + ")";
  }
  return text;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

void print_table(const IptablesTable& found, std::ostream& out) {
  const TableLeftovers& leftovers = found.leftovers;
  if (leftovers.chains.empty()) return;
  out << "  " << where(found.family, found.backend, leftovers.table) << ": "
      << count(leftovers.chains.size(), "chain") << " of kube-proxy with "
      << count(leftovers.rules, "rule") << "\n      conflict: " << conflict_of(leftovers)
      << "\n      chains:   " << kinds_of(leftovers) << "\n";
  for (const Rule& jump : leftovers.jumps) out << "      jump:     " << whole_rule(jump) << "\n";
  for (const Rule& rule : leftovers.used_by_others)
    out << "      used by another's rule: " << whole_rule(rule) << "\n";
}

void print_left_alone(const IptablesTable& found, std::ostream& out) {
  const std::string place = where(found.family, found.backend, found.leftovers.table);
  if (!found.leftovers.kubelets.empty())
    out << "  not kube-proxy's: " << place << ": kubelet's " << joined(found.leftovers.kubelets)
        << "\n";
  if (!found.leftovers.unknown.empty())
    out << "  not kube-proxy's: " << place << ": another's " << joined(found.leftovers.unknown)
        << "\n";
}

void print_ipvs(const kubeproxy::Findings& findings, std::ostream& out) {
  if (findings.ipvs.services != 0) {
    out << "  IPVS: " << count(findings.ipvs.services, "service") << " with "
        << count(findings.ipvs.destinations, "destination")
        << "\n      conflict: the kernel forwards packets to their addresses by its own table, "
           "whatever policyc knows of the service\n"
           "      remove:   ipvsadm --clear (takes all of them, also those of others)\n";
  }
  if (findings.ipvs_interface) {
    out << "  interface kube-ipvs0\n"
           "      conflict: it makes the addresses of services the node's own, so packets to them "
           "are delivered to the node instead of being translated\n"
           "      remove:   ip link delete kube-ipvs0\n";
  }
}

Json names(const std::vector<Rule>& rules) {
  Json result = Json::array();
  for (const Rule& rule : rules) result.push_back(whole_rule(rule));
  return result;
}

Json place(kubeproxy::Family family, kubeproxy::Backend backend, const std::string& table) {
  return {{"family", kubeproxy::family_name(family)},
          {"backend", kubeproxy::backend_name(backend)},
          {"table", table}};
}

Json table_json(const IptablesTable& found) {
  const TableLeftovers& leftovers = found.leftovers;
  Json json = place(found.family, found.backend, leftovers.table);
  json["chains"] = Json::object();
  for (const auto& [kind, number] : leftovers.kinds()) json["chains"][kind] = number;
  json["rules"] = leftovers.rules;
  json["jumps"] = names(leftovers.jumps);
  json["used_by_others"] = names(leftovers.used_by_others);
  json["conflict"] = leftovers.chains.empty() ? Json() : Json(conflict_of(leftovers));
  json["chains_of_kubelet"] = leftovers.kubelets;
  json["chains_of_others"] = leftovers.unknown;
  return json;
}

Json nft_json(const std::vector<kubeproxy::NftTable>& tables) {
  Json result = Json::array();
  for (const auto& table : tables)
    result.push_back({{"family", table.family}, {"table", table.name}, {"chains", table.chains}});
  return result;
}

}  // namespace

void print_text(const kubeproxy::Findings& findings, std::ostream& out) {
  for (const auto& process : findings.processes) {
    out << "  process " << process.pid << ", " << process.name
        << (process.embedded ? ", holds a kube-proxy unless that was disabled" : "")
        << "\n      conflict: it translates services itself, and writes its rules again when they "
           "are removed\n";
  }
  for (const IptablesTable& table : findings.iptables) print_table(table, out);
  for (const auto& table : findings.nftables) {
    out << "  nftables, table " << table.family << " " << table.name << ": "
        << count(table.chains, "chain") << "\n      conflict: " << kTranslates << "\n";
  }
  print_ipvs(findings, out);
  if (!findings.sets.empty()) {
    out << "  sets: " << joined(findings.sets)
        << "\n      conflict: none by themselves; rules of kube-proxy's IPVS mode match on them\n";
  }
  for (const IptablesTable& table : findings.iptables) print_left_alone(table, out);
  for (const auto& one : findings.not_read)
    out << "  not looked at: " << one.what << ": " << one.why << "\n";

  if (findings.any()) {
    out << "something of kube-proxy, or of IPVS, is on this node\n";
  } else if (findings.complete()) {
    out << "nothing of kube-proxy is on this node\n";
  } else {
    out << "nothing of kube-proxy was found, but not everything could be looked at\n";
  }
}

Json to_json(const kubeproxy::Findings& findings) {
  Json json = {{"found", findings.any()},
               {"complete", findings.complete()},
               {"processes", Json::array()},
               {"iptables", Json::array()},
               {"nftables", nft_json(findings.nftables)},
               {"ipvs",
                {{"services", findings.ipvs.services},
                 {"destinations", findings.ipvs.destinations},
                 {"kube-ipvs0", findings.ipvs_interface}}},
               {"sets", findings.sets},
               {"not_looked_at", Json::array()}};
  for (const auto& process : findings.processes) {
    json["processes"].push_back(
        {{"pid", process.pid}, {"name", process.name}, {"embedded", process.embedded}});
  }
  for (const IptablesTable& table : findings.iptables)
    json["iptables"].push_back(table_json(table));
  for (const auto& one : findings.not_read) {
    json["not_looked_at"].push_back(
        {{"what", one.what}, {"why", one.why}, {"matters", one.matters}});
  }
  return json;
}

void print_text(const kubeproxy::Cleaned& cleaned, std::ostream& out) {
  for (const CleanedTable& table : cleaned.iptables) {
    out << "removed: " << where(table.family, table.backend, table.table) << ": "
        << count(table.chains, "chain") << "\n";
    for (const Rule& jump : table.jumps)
      out << "removed: " << where(table.family, table.backend, table.table) << ": "
          << whole_rule(jump) << "\n";
  }
  for (const auto& table : cleaned.nftables)
    out << "removed: nftables, table " << table.family << " " << table.name << "\n";
  for (const std::string& set : cleaned.sets) out << "removed: set " << set << "\n";
  for (const KeptChain& kept : cleaned.kept) {
    out << "kept: " << where(kept.family, kept.backend, kept.table) << ": " << kept.chain
        << ": another's rule leads into it\n";
  }
  for (const std::string& failure : cleaned.failures) out << "failed: " << failure << "\n";
}

Json to_json(const kubeproxy::Cleaned& cleaned) {
  Json json = {{"iptables", Json::array()},
               {"nftables", nft_json(cleaned.nftables)},
               {"sets", cleaned.sets},
               {"kept", Json::array()},
               {"failures", cleaned.failures}};
  for (const CleanedTable& table : cleaned.iptables) {
    Json one = place(table.family, table.backend, table.table);
    one["chains"] = table.chains;
    one["jumps"] = names(table.jumps);
    json["iptables"].push_back(std::move(one));
  }
  for (const KeptChain& kept : cleaned.kept) {
    Json one = place(kept.family, kept.backend, kept.table);
    one["chain"] = kept.chain;
    json["kept"].push_back(std::move(one));
  }
  return json;
}

}  // namespace policyc::cli
