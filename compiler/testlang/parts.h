#pragma once
// From contexts of the grammar to parts of a suite. Everything here throws MistakeError; the
// readers catch it.

#include <stdexcept>
#include <string>
#include <string_view>

#include <PolicyTestParser.h>

#include "compiler/testlang/reader.h"

namespace policyc::testlang {

struct MistakeError : std::exception {
  explicit MistakeError(Mistake what) : mistake(std::move(what)) {}
  Mistake mistake;
};

using Parser = grammar::PolicyTestParser;

[[noreturn]] void refuse(const Span& span, std::string_view what);
[[nodiscard]] Span span_of(const antlr4::Token& token);
[[nodiscard]] Span span_of(const antlr4::ParserRuleContext& context);
// The content of a STRING.
[[nodiscard]] std::string string(const antlr4::Token& token);

[[nodiscard]] explain::Side side(Parser::SideContext& text);
[[nodiscard]] std::vector<Ports> ports(Parser::PortsContext& text);
// `443/tcp`, `8000-8010/udp`, `http/tcp`, `tcp`, `EchoRequest/icmp`.
[[nodiscard]] Ports port_word(std::string_view text, const Span& span);

}  // namespace policyc::testlang
