#pragma once
// Numbers as Go's strconv and encoding/json read and write them: kubectl is written in Go, and what
// reaches the API server is what these make of the text.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace policyc::manifest {

struct GoInteger {
  bool negative = false;
  bool fits = true;  // in 64 bits; otherwise only `approximate` counts
  std::uint64_t magnitude = 0;
  double approximate = 0;  // with sign
  // Decimal, when it fits.
  [[nodiscard]] std::string decimal() const;
  [[nodiscard]] bool is_int64() const;
};

// An optional sign and then digits with a prefix 0x, 0o, 0b (either case) or 0 for octal:
// strconv.ParseInt, base 0.
[[nodiscard]] std::optional<GoInteger> parse_go_integer(std::string_view text);
// The same with a fixed base and no prefix.
[[nodiscard]] std::optional<GoInteger> parse_go_integer(std::string_view text, unsigned base);
// [+-](.5 | 5 | 5. | 5.5) with an optional exponent. Too small becomes 0; too large is no number.
[[nodiscard]] std::optional<double> parse_go_float(std::string_view text);

// A finite number as encoding/json writes it.
[[nodiscard]] std::string json_number(double value);
// strconv.FormatFloat(value, 'g', -1, 32): what sigs.k8s.io/yaml makes of a mapping key that is a
// float.
[[nodiscard]] std::string float_key(double value);

}  // namespace policyc::manifest
