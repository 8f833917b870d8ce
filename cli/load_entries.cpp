#include "cli/load_entries.h"

#include <limits>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

namespace policyc::cli {
namespace {

using nlohmann::json;

Result<std::string> text_of(const std::string& key, const json& value) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty())
    return fail("`" + key + "` must be a text that is not empty");
  return value.get<std::string>();
}

Result<std::vector<IpAddress>> addresses_of(const json& value) {
  if (!value.is_array()) return fail("`addresses` must be a list of addresses");
  std::vector<IpAddress> addresses;
  for (const json& item : value) {
    const auto address =
        item.is_string() ? parse_ip_address(item.get_ref<const std::string&>()) : std::nullopt;
    if (!address) return fail("`addresses`: " + item.dump() + " is not an address");
    addresses.push_back(*address);
  }
  return addresses;
}

Result<void> set_key(LoadEntry& entry, const std::string& key, const json& value) {
  if (key == "object" || key == "interface") {
    auto text = text_of(key, value);
    if (!text) return std::unexpected(text.error());
    (key == "object" ? entry.object : entry.interface) = std::move(*text);
    return {};
  }
  if (key == "addresses") {
    auto addresses = addresses_of(value);
    if (!addresses) return std::unexpected(addresses.error());
    entry.addresses = std::move(*addresses);
    return {};
  }
  if (key == "labels") {
    if (!value.is_string()) return fail("`labels` must be a text such as \"app=web,tier=a\"");
    auto labels = parse_labels(value.get<std::string>());
    if (!labels) return fail("`labels`: " + labels.error().message);
    entry.labels = std::move(*labels);
    return {};
  }
  if (key == "identity") {
    if (!value.is_number_unsigned() ||
        value.get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max())
      return fail("`identity` must be a number below 2^32");
    entry.identity = value.get<std::uint32_t>();
    return {};
  }
  if (key == "audit") {
    if (!value.is_boolean()) return fail("`audit` must be true or false");
    entry.audit = value.get<bool>();
    return {};
  }
  if (key == "mac") {
    if (value.is_string()) entry.mac = endpoint::parse_mac(value.get<std::string>());
    if (!entry.mac) return fail("`mac` must be an address such as \"02:00:0a:00:00:01\"");
    return {};
  }
  return fail("unknown key `" + key + "`");
}

Result<LoadEntry> parse_entry(const json& item) {
  LoadEntry entry;
  if (!item.is_object()) return fail("it must be an object");
  for (const auto& [key, value] : item.items()) {
    if (auto set = set_key(entry, key, value); !set) return std::unexpected(set.error());
  }
  for (const char* key : {"object", "interface", "addresses"}) {
    if (!item.contains(key)) return fail("`" + std::string(key) + "` is missing");
  }
  return entry;
}

}  // namespace

Result<policy::LabelSet> parse_labels(const std::string& text) {
  policy::LabelSet labels;
  std::istringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) {
    const auto equals = item.find('=');
    std::string key = item.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : item.substr(equals + 1);
    const auto colon = key.find(':');
    const std::string source = colon == std::string::npos ? "k8s" : key.substr(0, colon);
    if (colon != std::string::npos) key = key.substr(colon + 1);
    if (key.empty() || source.empty()) return fail("`" + item + "` is not a label");
    if (!labels.add({source, key, value})) return fail("key `" + key + "` is there twice");
  }
  return labels;
}

Result<std::vector<LoadEntry>> parse_batch(std::string_view text) {
  // The parser keeps the last of equal keys: the others must not pass unseen.
  std::size_t number = 0;
  std::set<std::string> seen;
  std::string repeated;
  const auto watch = [&](int depth, json::parse_event_t event, const json& value) {
    if (depth == 1 && event == json::parse_event_t::object_start) {
      ++number;
      seen.clear();
    }
    if (event == json::parse_event_t::key && repeated.empty() &&
        !seen.insert(value.get<std::string>()).second) {
      repeated = "entry " + std::to_string(number) + ": key `" + value.get<std::string>() +
                 "` is there twice";
    }
    return true;
  };
  const json list = json::parse(text, watch, false);
  if (!list.is_array()) return fail("it must be a JSON list of endpoints");
  if (!repeated.empty()) return fail(repeated);
  std::vector<LoadEntry> entries;
  for (const json& item : list) {
    auto entry = parse_entry(item);
    if (!entry)
      return fail("entry " + std::to_string(entries.size() + 1) + ": " + entry.error().message);
    entries.push_back(std::move(*entry));
  }
  return entries;
}

}  // namespace policyc::cli
