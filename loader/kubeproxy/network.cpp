#include "loader/kubeproxy/network.h"

#include <nlohmann/json.hpp>

#include "loader/kubeproxy/names.h"

namespace policyc::kubeproxy {
namespace {

using Json = nlohmann::json;

// The objects of one kind ("table", "chain") in an answer of nft.
Result<std::vector<Json>> objects(std::string_view text, const char* kind) {
  const Json answer = Json::parse(text, nullptr, false);
  if (!answer.is_object() || !answer.contains("nftables") || !answer["nftables"].is_array())
    return fail("the answer of nft is not understood");
  std::vector<Json> result;
  for (const Json& entry : answer["nftables"]) {
    if (!entry.is_object() || !entry.contains(kind)) continue;
    const Json& object = entry[kind];
    for (const char* field : {"family", "name"}) {
      if (!object.is_object() || !object.contains(field) || !object[field].is_string())
        return fail(std::string("the answer of nft has a ") + kind + " without " + field);
    }
    result.push_back(object);
  }
  return result;
}

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

}  // namespace

Result<std::vector<NftTable>> parse_nft_tables(std::string_view json) {
  const auto tables = objects(json, "table");
  if (!tables) return std::unexpected(tables.error());
  std::vector<NftTable> result;
  for (const Json& table : *tables) {
    const std::string family = table["family"], name = table["name"];
    if (name == kNftTable && (family == "ip" || family == "ip6"))
      result.push_back({family, name, 0});
  }
  return result;
}

Result<std::vector<NftChain>> parse_nft_chains(std::string_view json) {
  const auto chains = objects(json, "chain");
  if (!chains) return std::unexpected(chains.error());
  std::vector<NftChain> result;
  for (const Json& chain : *chains) {
    if (!chain.contains("table") || !chain["table"].is_string())
      return fail("the answer of nft has a chain without table");
    result.push_back({chain["family"], chain["table"], chain["name"]});
  }
  return result;
}

// Three lines of heading, then a line for each service ("TCP  0A600001:0050 rr") and below it one
// for each of its destinations ("  -> ...").
Result<IpvsCounts> parse_ip_vs(std::string_view text) {
  IpvsCounts result;
  if (!text.starts_with("IP Virtual Server")) return fail("/proc/net/ip_vs is not understood");
  take_line(text);
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.starts_with("  -> RemoteAddress") || line.starts_with("Prot LocalAddress")) continue;
    if (line.starts_with("  -> ")) {
      ++result.destinations;
    } else if (line.starts_with("TCP") || line.starts_with("UDP") || line.starts_with("SCTP") ||
               line.starts_with("FWM")) {
      ++result.services;
    } else if (!line.empty()) {
      return fail("/proc/net/ip_vs has a line that is not understood: " + std::string(line));
    }
  }
  return result;
}

std::vector<std::string> parse_set_names(std::string_view text) {
  std::vector<std::string> result;
  while (!text.empty()) {
    const std::string_view name = take_line(text);
    if (is_set_of_kube_proxy(name)) result.emplace_back(name);
  }
  return result;
}

}  // namespace policyc::kubeproxy
