#include "compiler/driver/object_meta.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "runtime/abi/abi.h"

namespace policyc::driver {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kAbiBytes = 4;
// Of nesting; far above what a shape has, far below what would exhaust the stack.
constexpr int kMaxDepth = 32;

struct Meta {
  backend::Bytes abi;
  std::string hash;
  std::string predicates;
  std::string rules;

  friend bool operator==(const Meta&, const Meta&) = default;
};

std::span<const std::uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json parse(std::string_view text) {
  return Json::parse(text, [](int depth, Json::parse_event_t, const Json&) {
    if (depth > kMaxDepth) throw std::runtime_error("nested too deeply");
    return true;
  });
}

Json take(Json& json, const char* key) {
  Json value = std::move(json.at(key));
  json.erase(key);
  return value;
}

Meta split(const ir::Shape& shape) {
  Json rest = Json::parse(ir::to_json(shape));
  Meta meta;
  const auto version = take(rest, "abiVersion").get<std::uint32_t>();
  for (std::size_t i = 0; i < kAbiBytes; ++i)
    meta.abi.push_back(static_cast<std::uint8_t>(version >> (8 * i)));
  meta.hash = take(rest, "hash").get<std::string>();
  meta.predicates = dump(take(rest, "predicates"));
  meta.rules = dump(rest);
  return meta;
}

// The text that ir::to_json() wrote; throws for what is not JSON.
std::string combine(const Meta& meta, std::uint32_t version) {
  Json json;
  json["abiVersion"] = version;
  const Json rules = parse(meta.rules);
  if (!rules.is_object()) throw std::runtime_error("the rules are not an object");
  for (const auto& [key, value] : rules.items()) {
    json[key] = value;
    if (key == "subject") json["predicates"] = parse(meta.predicates);
  }
  json["hash"] = meta.hash;
  return dump(json);
}

std::string text_of(backend::Bytes bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

Result<backend::Bytes> write_meta(std::span<const std::uint8_t> object, const ir::Shape& shape) {
  const Meta meta = split(shape);
  const std::array<backend::NamedSection, 4> sections{{
      {kAbiSection, meta.abi},
      {kHashSection, as_bytes(meta.hash)},
      {kPredicatesSection, as_bytes(meta.predicates)},
      {kRulesSection, as_bytes(meta.rules)},
  }};
  return backend::add_sections(object, sections);
}

Result<ir::Shape> read_meta(std::span<const std::uint8_t> object) {
  auto sections = backend::read_sections(object, kMetaPrefix);
  if (!sections) return std::unexpected(sections.error());
  const auto abi =
      std::ranges::find(*sections, kAbiSection, &std::pair<std::string, backend::Bytes>::first);
  if (abi == sections->end())
    return fail("not an object of policyc: it has no section " + std::string(kAbiSection));
  if (abi->second.size() != kAbiBytes)
    return fail("object metadata: the ABI version is not a number of 32 bits");
  std::uint32_t version = 0;
  for (std::size_t i = 0; i < kAbiBytes; ++i) version |= std::uint32_t{abi->second[i]} << (8 * i);
  if (version != POLICYC_ABI_VERSION) {
    return fail("object was built for ABI version " + std::to_string(version) +
                ", this policyc speaks " + std::to_string(POLICYC_ABI_VERSION) +
                ": compile it again");
  }
  constexpr std::array kNames{kAbiSection, kHashSection, kPredicatesSection, kRulesSection};
  if (!std::ranges::equal(*sections, kNames, {}, &std::pair<std::string, backend::Bytes>::first))
    return fail("object metadata: the sections are not those that policyc writes");
  const Meta meta{.abi = std::move((*sections)[0].second),
                  .hash = text_of(std::move((*sections)[1].second)),
                  .predicates = text_of(std::move((*sections)[2].second)),
                  .rules = text_of(std::move((*sections)[3].second))};
  try {
    auto shape = ir::shape_from_json(combine(meta, version));
    if (shape && split(*shape) != meta) return fail("object metadata is not as policyc writes it");
    return shape;
  } catch (const std::exception& error) {
    return fail(std::string("object metadata: ") + error.what());
  }
}

}  // namespace policyc::driver
