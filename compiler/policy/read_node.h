#pragma once
// Access to a manifest tree that has already been checked against a schema. A field of the wrong
// type reads as empty, placed where the wrong value is; an absent one is placed at its object.

#include <optional>
#include <string_view>
#include <vector>

#include "compiler/manifest/document.h"
#include "compiler/policy/model.h"

namespace policyc::policy {

// How null reads. The API server drops null fields of custom resources; Kubernetes' own types, and
// the agent when it is given a file, decode null as the empty value.
enum class NullReading : std::uint8_t { Dropped, Empty };

// The value of a field; nullptr when it is absent or null.
[[nodiscard]] const manifest::Node* present(const manifest::Node& object, std::string_view field);
// The place of the field's key; of the object itself when the field is absent.
[[nodiscard]] NodeId key_place(const manifest::Node& object, std::string_view field);
[[nodiscard]] LocatedString read_string(const manifest::Node& object, std::string_view field);
[[nodiscard]] std::optional<LocatedString> read_optional_string(const manifest::Node& object,
                                                                std::string_view field);
[[nodiscard]] std::optional<Located<std::int64_t>> read_integer(const manifest::Node& object,
                                                                std::string_view field);
[[nodiscard]] std::optional<Located<bool>> read_boolean(const manifest::Node& object,
                                                        std::string_view field);
[[nodiscard]] OptionalList<LocatedString> read_strings(const manifest::Node& object,
                                                       std::string_view field);

// The elements of a sequence, each made by `make(const manifest::Node&)`.
template <class Make>
[[nodiscard]] auto read_list(const manifest::Node& object, std::string_view field, Make make)
    -> OptionalList<decltype(make(object))> {
  const manifest::Node* list = present(object, field);
  if (list == nullptr || !list->is_sequence()) return std::nullopt;
  std::vector<decltype(make(object))> result;
  result.reserve(list->items.size());
  for (const manifest::Node& item : list->items) result.push_back(make(item));
  return result;
}

// The mapping of a field, made by `make(const manifest::Node&)`.
template <class Make>
[[nodiscard]] auto read_object(const manifest::Node& object, std::string_view field, Make make)
    -> std::optional<decltype(make(object))> {
  const manifest::Node* value = present(object, field);
  if (value == nullptr || !value->is_mapping()) return std::nullopt;
  return make(*value);
}

[[nodiscard]] LabelSelector read_label_selector(const manifest::Node& node, NullReading nulls);
[[nodiscard]] std::vector<MatchLabel> read_string_map(const manifest::Node& object,
                                                      std::string_view field, NullReading nulls);

}  // namespace policyc::policy
