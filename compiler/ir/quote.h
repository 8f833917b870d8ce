#pragma once
// Strings of the text form: between double quotes, so that any bytes survive and nothing breaks
// out.

#include <optional>
#include <string>
#include <string_view>

namespace policyc::ir {

// Valid UTF-8 stands as it is; quotes, backslashes, control characters, direction marks and invalid
// bytes become \", \\, \n or \xHH (each byte).
[[nodiscard]] std::string quote(std::string_view text);

// The inverse; `quoted` includes its quotes. Nothing when an escape is unknown or cut short.
[[nodiscard]] std::optional<std::string> unquote(std::string_view quoted);

}  // namespace policyc::ir
