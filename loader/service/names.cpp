#include "loader/service/names.h"

#include <algorithm>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "loader/endpoint/files.h"

namespace policyc::service {
namespace {

using Json = nlohmann::ordered_json;

std::filesystem::path file(const std::filesystem::path& state) { return state / "names.json"; }
std::filesystem::path weights_file(const std::filesystem::path& state) {
  return state / "weights.json";
}

}  // namespace

Result<void> write_names(const std::filesystem::path& state, const std::vector<NamedSet>& sets) {
  Json json = Json::array();
  for (const NamedSet& set : sets) json.push_back({set.number, set.service, set.port});
  return endpoint::write_file(file(state), json.dump() + "\n", endpoint::Flush::No);
}

std::vector<NamedSet> read_names(const std::filesystem::path& state) {
  std::vector<NamedSet> sets;
  const auto text = endpoint::read_file(file(state));
  if (!text || !*text) return sets;
  const Json json = Json::parse(**text, nullptr, false);
  if (!json.is_array()) return sets;
  for (const Json& entry : json) {
    const bool valid = entry.is_array() && entry.size() == 3 && entry[0].is_number_unsigned() &&
                       entry[1].is_string() && entry[2].is_string();
    if (valid)
      sets.push_back({entry[0].get<std::uint32_t>(), entry[1].get<std::string>(),
                      entry[2].get<std::string>()});
  }
  return sets;
}

Result<void> write_weights(const std::filesystem::path& state,
                           const std::vector<BackendWeight>& weights) {
  Json json = Json::array();
  for (const BackendWeight& one : weights) json.push_back({one.number, one.generation, one.weight});
  return endpoint::write_file(weights_file(state), json.dump() + "\n", endpoint::Flush::No);
}

std::vector<BackendWeight> read_weights(const std::filesystem::path& state) {
  std::vector<BackendWeight> weights;
  const auto text = endpoint::read_file(weights_file(state));
  if (!text || !*text) return weights;
  const Json json = Json::parse(**text, nullptr, false);
  if (!json.is_array()) return weights;
  for (const Json& entry : json) {
    const bool valid =
        entry.is_array() && entry.size() == 3 && std::ranges::all_of(entry, [](const Json& number) {
          return number.is_number_unsigned() && number.get<std::uint64_t>() <= UINT32_MAX;
        });
    if (valid)
      weights.push_back({entry[0].get<std::uint32_t>(), entry[1].get<std::uint32_t>(),
                         entry[2].get<std::uint32_t>()});
  }
  return weights;
}

}  // namespace policyc::service
