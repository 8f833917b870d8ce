#include "compiler/testlang/parse.h"

#include <PolicyTestLexer.h>

#include "compiler/diag/text.h"
#include "compiler/ir/quote.h"

namespace policyc::testlang {
namespace {

// A hostile text must not fill the stack: brackets of this grammar do not nest, so only its length
// counts.
class Refusing : public antlr4::BaseErrorListener {
 public:
  void syntaxError(antlr4::Recognizer*, antlr4::Token* token, std::size_t line, std::size_t column,
                   const std::string& what, std::exception_ptr) override {
    Span span{{static_cast<std::uint32_t>(line), static_cast<std::uint32_t>(column + 1)}, {}};
    span.end = {span.begin.line, span.begin.column + 1};
    if (token != nullptr && token->getType() != antlr4::Token::EOF && token->getText() != "\n")
      span = span_of(*token);
    refuse(span, what);
  }
};

void check_utf8(std::string_view text) {
  source::Position at;
  while (!text.empty()) {
    const std::size_t length = diag::utf8_length(text);
    if (length == 0) refuse({at, {at.line, at.column + 1}}, "this is not UTF-8");
    ++at.column;
    if (text.front() == '\n') at = {at.line + 1, 1};
    text.remove_prefix(length);
  }
}

std::uint32_t code_points(const std::string& text) {
  std::uint32_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0U) != 0x80U ? 1 : 0;
  return count;
}

}  // namespace

struct Parse::Impl {
  explicit Impl(std::string_view text)
      : input(std::string(text)), lexer(&input), tokens(&lexer), parser(&tokens) {
    lexer.removeErrorListeners();
    lexer.addErrorListener(&refusing);
    parser.removeErrorListeners();
    parser.addErrorListener(&refusing);
  }

  Refusing refusing;
  antlr4::ANTLRInputStream input;
  grammar::PolicyTestLexer lexer;
  antlr4::CommonTokenStream tokens;
  Parser parser;
};

Parse::Parse(std::string_view text) {
  const Span start{{1, 1}, {1, 2}};
  if (text.size() > kMaxBytes)
    refuse(start, "the text is longer than " + std::to_string(kMaxBytes) + " bytes");
  check_utf8(text);
  impl_ = std::make_unique<Impl>(text);
  impl_->tokens.fill();
  if (impl_->tokens.size() > kMaxTokens)
    refuse(start, "the text has more than " + std::to_string(kMaxTokens) + " words");
}

Parse::~Parse() = default;

Parser& Parse::parser() { return impl_->parser; }

void refuse(const Span& span, std::string_view what) {
  constexpr std::size_t kLongest = 300;
  std::string shown;
  for (std::size_t at = 0; at < what.size() && shown.size() < kLongest;)
    diag::append_printable(shown, what, at);
  if (shown.size() >= kLongest) shown += "...";
  throw MistakeError({span, std::move(shown)});
}

Span span_of(const antlr4::Token& token) {
  const auto line = static_cast<std::uint32_t>(token.getLine());
  const auto column = static_cast<std::uint32_t>(token.getCharPositionInLine() + 1);
  return {{line, column}, {line, column + code_points(token.getText())}};
}

Span span_of(const antlr4::ParserRuleContext& context) {
  auto& readable =
      const_cast<antlr4::ParserRuleContext&>(context);  // ANTLR's getters are not const
  Span out = span_of(*readable.getStart());
  if (readable.getStop() != nullptr) out.end = span_of(*readable.getStop()).end;
  return out;
}

std::string string(const antlr4::Token& token) {
  auto text = ir::unquote(token.getText());
  if (!text) refuse(span_of(token), "an escape is not \\\", \\\\, \\n or \\xHH");
  return std::move(*text);
}

}  // namespace policyc::testlang
