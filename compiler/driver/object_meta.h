#pragma once
// What an object says of its policy, in sections of its own:
//
//   .policyc.abi         the ABI version: 32 bits, little-endian
//   .policyc.hash        the policy's hash: 64 hexadecimal digits
//   .policyc.predicates  the questions about peers: compact JSON
//   .policyc.rules       everything else of ir::to_json(): subject, and for each direction its
//   rules
//                        and what puts the endpoint into default deny; compact JSON
//
// The split exists so that a reader of another version learns at least which versions do not match,
// and so that tools can read one part without the others.

#include <cstdint>
#include <span>
#include <string_view>

#include "compiler/backend/backend.h"
#include "compiler/ir/shape.h"
#include "compiler/support/result.h"

namespace policyc::driver {

inline constexpr std::string_view kMetaPrefix = ".policyc.";
inline constexpr std::string_view kAbiSection = ".policyc.abi";
inline constexpr std::string_view kHashSection = ".policyc.hash";
inline constexpr std::string_view kPredicatesSection = ".policyc.predicates";
inline constexpr std::string_view kRulesSection = ".policyc.rules";

// The object with the sections of a shape added; an Error when it has one of them already.
[[nodiscard]] Result<backend::Bytes> write_meta(std::span<const std::uint8_t> object,
                                                const ir::Shape& shape);

// The shape that an object carries. Takes exactly what write_meta() wrote. The ABI version is
// looked at before anything else is; the Error for another one names both.
[[nodiscard]] Result<ir::Shape> read_meta(std::span<const std::uint8_t> object);

}  // namespace policyc::driver
