#pragma once
// Text to assertions. The only user of grammar/PolicyTest.g4; a library of its own, so that nothing
// else pays for ANTLR.

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

#include "compiler/support/result.h"
#include "compiler/testlang/suite.h"

namespace policyc::testlang {

// Limits for hostile text.
inline constexpr std::size_t kMaxBytes = 1U << 20U;
inline constexpr std::size_t kMaxTokens = 200'000;

struct Mistake {
  Span span;
  std::string message;                          // one line, starts in lower case, no full stop
  [[nodiscard]] std::string to_string() const;  // "3:7: what"
};

// The first mistake ends the reading.
[[nodiscard]] std::expected<Suite, Mistake> read(std::string_view text);

// One side, or ports, as the command line gives them (`app=web,ns=shop`, `pod shop/web-0`, `world`,
// `shop/web-0`; `443/tcp`). A bare `a/b` is a pod here.
[[nodiscard]] Result<explain::Side> read_side(std::string_view text);
[[nodiscard]] Result<std::vector<Ports>> read_ports(std::string_view text);
// `GET /path`, or `/path` alone, with `host` and `headers` (`Name: value`) apart.
[[nodiscard]] Result<eval::HttpRequest> read_http(std::string_view text);
[[nodiscard]] Result<std::pair<std::string, std::string>> read_header(std::string_view text);

}  // namespace policyc::testlang
