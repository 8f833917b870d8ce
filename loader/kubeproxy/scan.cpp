#include "loader/kubeproxy/scan.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <sstream>

#include <net/if.h>

#include "loader/kubeproxy/names.h"
#include "loader/kubeproxy/tool.h"

namespace policyc::kubeproxy {
namespace {

constexpr std::array kFamilies = {Family::IPv4, Family::IPv6};
constexpr const char* kIpvsInterface = "kube-ipvs0";

std::optional<std::string> content_of(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream content;
  content << file.rdbuf();
  return std::move(content).str();
}

std::string tool_prefix(Family family) { return family == Family::IPv4 ? "iptables" : "ip6tables"; }

// The tool that prints that rule set. Some systems have only one, under the plain name; it says
// which it is ("iptables-save v1.8.9 (nf_tables)"). Before release 1.8 there was only legacy.
std::optional<std::string> save_tool(Family family, Backend backend) {
  const std::string prefix = tool_prefix(family);
  const bool nft = backend == Backend::Nft;
  if (auto tool = find_tool(prefix + (nft ? "-nft-save" : "-legacy-save"))) return tool;
  auto plain = find_tool(prefix + "-save");
  if (!plain) return std::nullopt;
  const auto version = run_tool({*plain, "-V"});
  if (!version || (version->find("nf_tables") != std::string::npos) != nft) return std::nullopt;
  return plain;
}

std::vector<std::string> words_of_file(const std::string& path) {
  std::istringstream text(content_of(path).value_or(""));
  std::vector<std::string> words;
  for (std::string word; text >> word;) words.push_back(word);
  return words;
}

class Scan {
 public:
  Findings run() {
    findings_.processes = find_processes();
    read_nftables();
    for (const Family family : kFamilies) {
      read_iptables(family, Backend::Legacy);
      read_iptables(family, Backend::Nft);
    }
    read_ipvs();
    read_sets();
    return std::move(findings_);
  }

 private:
  void not_read(std::string what, std::string why, bool matters) {
    findings_.not_read.push_back({std::move(what), std::move(why), matters});
  }

  void read_nftables() {
    const std::string what = "nftables";
    const auto tool = find_tool("nft");
    if (!tool) return not_read(what, "nft is not installed", true);
    const auto tables_text = run_tool({*tool, "-j", "list", "tables"});
    if (!tables_text) return not_read(what, tables_text.error().message, true);
    auto tables = parse_nft_tables(*tables_text);
    if (!tables) return not_read(what, tables.error().message, true);
    findings_.nftables = std::move(*tables);
    const auto chains_text = run_tool({*tool, "-j", "list", "chains"});
    if (!chains_text) return not_read(what, chains_text.error().message, true);
    auto chains = parse_nft_chains(*chains_text);
    if (!chains) return not_read(what, chains.error().message, true);
    for (const NftChain& chain : *chains) {
      for (NftTable& table : findings_.nftables)
        table.chains += chain.family == table.family && chain.table == table.name ? 1U : 0U;
    }
    nft_chains_ = std::move(*chains);
  }

  // Whether rules of kube-proxy may be where there is no tool to print them.
  [[nodiscard]] bool may_hold_rules(Family family, Backend backend) const {
    if (backend == Backend::Legacy) {
      return !words_of_file(family == Family::IPv4 ? "/proc/self/net/ip_tables_names"
                                                   : "/proc/self/net/ip6_tables_names")
                  .empty();
    }
    if (!nft_chains_) return true;
    const std::string nft_family = family == Family::IPv4 ? "ip" : "ip6";
    return std::any_of(nft_chains_->begin(), nft_chains_->end(), [&](const NftChain& chain) {
      return chain.family == nft_family &&
             owner_of_chain(chain.table, chain.name) == Owner::KubeProxy;
    });
  }

  void read_iptables(Family family, Backend backend) {
    const std::string what =
        std::string(backend_name(backend)) + ", " + std::string(family_name(family));
    const auto tool = save_tool(family, backend);
    if (!tool) {
      const bool matters = may_hold_rules(family, backend);
      return not_read(
          what,
          "its iptables-save is not installed" +
              std::string(matters ? "" : "; it has no chain of kube-proxy all the same"),
          matters);
    }
    const auto text = run_tool({*tool});
    if (!text) return not_read(what, text.error().message, true);
    auto rules = parse_saved_rules(*text);
    if (!rules) return not_read(what, rules.error().message, true);
    for (const std::string& table : rules->unlisted) {
      not_read(what + ", table " + table, "it has rules that only nft can list",
               may_hold_rules(family, backend));
    }
    for (Table& table : rules->tables) {
      TableLeftovers leftovers = leftovers_of(table);
      if (leftovers.chains.empty() && leftovers.kubelets.empty() && leftovers.unknown.empty())
        continue;
      findings_.iptables.push_back(
          {family, backend, *tool, std::move(table), std::move(leftovers)});
    }
  }

  void read_ipvs() {
    findings_.ipvs_interface = ::if_nametoindex(kIpvsInterface) != 0;
    const auto text = content_of("/proc/self/net/ip_vs");
    if (!text) return;  // no IPVS in this kernel, or not loaded: no service of it either
    const auto counts = parse_ip_vs(*text);
    if (!counts) return not_read("IPVS", counts.error().message, true);
    findings_.ipvs = *counts;
  }

  // Sets translate nothing by themselves, so it does not matter when they cannot be read.
  void read_sets() {
    const std::string what = "sets of IP addresses";
    const auto tool = find_tool("ipset");
    if (!tool) return not_read(what, "ipset is not installed", false);
    const auto text = run_tool({*tool, "list", "-n"});
    if (!text) return not_read(what, text.error().message, false);
    findings_.sets = parse_set_names(*text);
  }

  Findings findings_;
  std::optional<std::vector<NftChain>> nft_chains_;
};

}  // namespace

std::string_view family_name(Family family) { return family == Family::IPv4 ? "IPv4" : "IPv6"; }

std::string_view backend_name(Backend backend) {
  return backend == Backend::Legacy ? "iptables-legacy" : "iptables-nft";
}

bool Findings::any() const {
  return !processes.empty() || !nftables.empty() || !sets.empty() || ipvs.services != 0 ||
         ipvs_interface ||
         std::any_of(iptables.begin(), iptables.end(),
                     [](const IptablesTable& table) { return !table.leftovers.chains.empty(); });
}

bool Findings::complete() const {
  return std::none_of(not_read.begin(), not_read.end(),
                      [](const NotRead& one) { return one.matters; });
}

Findings scan() { return Scan().run(); }

}  // namespace policyc::kubeproxy
