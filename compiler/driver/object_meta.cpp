#include "compiler/driver/object_meta.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "runtime/abi/abi.h"

namespace policyc::driver {
namespace {

constexpr std::size_t kAbiBytes = 4;

std::span<const std::uint8_t> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string text_of(backend::Bytes bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace

Result<backend::Bytes> write_meta(std::span<const std::uint8_t> object, const ir::Shape& shape) {
  std::array<std::uint8_t, kAbiBytes> abi{};
  for (std::size_t i = 0; i < kAbiBytes; ++i)
    abi[i] = static_cast<std::uint8_t>(shape.abi_version >> (8 * i));
  const std::array<backend::NamedSection, 4> sections{{
      {kAbiSection, abi},
      {kHashSection, as_bytes(shape.hash)},
      {kPredicatesSection, as_bytes(shape.documents.predicates)},
      {kRulesSection, as_bytes(shape.documents.rules)},
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
  return ir::shape_from(
      version, text_of(std::move((*sections)[1].second)),
      {text_of(std::move((*sections)[2].second)), text_of(std::move((*sections)[3].second))});
}

}  // namespace policyc::driver
