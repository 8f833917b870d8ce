#include "compiler/manifest/scalar.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "compiler/manifest/go_number.h"

namespace policyc::manifest {
namespace {

constexpr std::array<std::string_view, 11> kTrueWords{"y",    "Y",    "yes", "Yes", "YES", "true",
                                                      "True", "TRUE", "on",  "On",  "ON"};
constexpr std::array<std::string_view, 11> kFalseWords{
    "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"};
constexpr std::array<std::string_view, 5> kNullWords{"", "~", "null", "Null", "NULL"};

bool contains(const auto& words, std::string_view value) {
  return std::ranges::find(words, value) != words.end();
}

Scalar make_bool(bool value) {
  const char* text = value ? "true" : "false";
  return {ScalarType::Bool, text, true, text};
}

Scalar make_float(double value) {
  if (!std::isfinite(value)) return {ScalarType::Float, "", false, float_key(value)};
  Scalar result{ScalarType::Float, json_number(value), true, float_key(value)};
  return result;
}

Scalar make_integer(const GoInteger& value) {
  if (value.is_int64()) return {ScalarType::Int, value.decimal(), true, value.decimal()};
  if (value.fits && !value.negative)
    return {ScalarType::Float, value.decimal(), true, value.decimal()};
  return make_float(value.approximate);
}

std::optional<double> special_float(std::string_view value) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (value == ".nan" || value == ".NaN" || value == ".NAN")
    return std::numeric_limits<double>::quiet_NaN();
  bool negative = false;
  if (!value.empty() && (value[0] == '+' || value[0] == '-')) {
    negative = value[0] == '-';
    value.remove_prefix(1);
  }
  if (value == ".inf" || value == ".Inf" || value == ".INF")
    return negative ? -kInfinity : kInfinity;
  return std::nullopt;
}

// go-yaml reads "0b-1" and "-0b-1" too: a sign may follow the prefix.
std::optional<GoInteger> binary_with_inner_sign(std::string_view plain) {
  if (plain.starts_with("0b")) return parse_go_integer(plain.substr(2), 2);
  return std::nullopt;
}

std::optional<Scalar> resolve_number(std::string_view value) {
  if (value[0] == '.') {
    if (const auto number = parse_go_float(value)) return make_float(*number);
    return std::nullopt;
  }
  std::string plain(value);
  std::erase(plain, '_');
  const auto integer = parse_go_integer(plain);
  if (integer &&
      (integer->is_int64() || (integer->fits && !integer->negative && plain[0] != '+'))) {
    return make_integer(*integer);
  }
  if (const auto number = parse_go_float(plain)) return make_float(*number);
  if (const auto binary = binary_with_inner_sign(plain)) return make_integer(*binary);
  if (integer) return make_integer(*integer);
  return std::nullopt;
}

Scalar resolve_plain(std::string_view value) {
  if (contains(kNullWords, value)) return {ScalarType::Null, "", true, ""};
  const char first = value[0];
  const bool may_be_number =
      (first >= '0' && first <= '9') || first == '.' || first == '+' || first == '-';
  if (may_be_number) {
    if (const auto number = special_float(value)) return make_float(*number);
    if (auto number = resolve_number(value)) return *std::move(number);
  } else if (value.size() <= 5) {
    if (contains(kTrueWords, value)) return make_bool(true);
    if (contains(kFalseWords, value)) return make_bool(false);
  }
  return {ScalarType::String, std::string(value), true, std::string(value)};
}

bool fits(ScalarType type, CoreTag tag) {
  switch (tag) {
    case CoreTag::None:
      return true;
    case CoreTag::String:
      return type == ScalarType::String;
    case CoreTag::Int:
      return type == ScalarType::Int;
    case CoreTag::Float:
      return type == ScalarType::Float || type == ScalarType::Int;
    case CoreTag::Bool:
      return type == ScalarType::Bool;
    case CoreTag::Null:
      return type == ScalarType::Null;
  }
  return false;
}

// JSON has one kind of number: what is written as an integer is read as one.
void merge_number_types(Scalar& scalar) {
  if (scalar.type != ScalarType::Float || !scalar.finite) return;
  if (scalar.text.find_first_of(".e") != std::string::npos) return;
  const auto integer = parse_go_integer(scalar.text, 10);
  if (!integer || !integer->is_int64()) return;
  scalar.type = ScalarType::Int;
  scalar.text = integer->decimal();
}

}  // namespace

std::optional<Scalar> resolve_scalar(std::string_view value, CoreTag tag) {
  if (tag == CoreTag::String)
    return Scalar{ScalarType::String, std::string(value), true, std::string(value)};
  Scalar scalar = resolve_plain(value);
  if (!fits(scalar.type, tag)) return std::nullopt;
  merge_number_types(scalar);
  return scalar;
}

}  // namespace policyc::manifest
