#pragma once
// The type and JSON value of a scalar, as sigs.k8s.io/yaml (go-yaml v2) finds them: YAML 1.1 words
// for booleans, octal numbers with a leading 0, underscores in numbers; no base 60; a timestamp
// stays a string.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/manifest/document.h"

namespace policyc::manifest {

enum class CoreTag : std::uint8_t { None, String, Int, Float, Bool, Null };

struct Scalar {
  ScalarType type = ScalarType::String;
  std::string text;    // the JSON value: "true", a number, or the characters of a string
  bool finite = true;  // false for .inf and .nan, which JSON does not have
  std::string as_key;  // what the scalar becomes as a mapping key; not used for Null
};

// Resolves a plain scalar, or any scalar under an explicit tag. Nothing when the value does not fit
// the tag.
//
// An integer beyond int64 is Float, as the API server reads it. A float whose JSON text is an
// integer (`80.0`, `1e3`) is Int: JSON does not tell them apart. (tag None never fails.)
[[nodiscard]] std::optional<Scalar> resolve_scalar(std::string_view value, CoreTag tag);

}  // namespace policyc::manifest
