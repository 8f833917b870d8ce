#include "compiler/irtext/reader.h"

#include <string>

#include <PolicyIRLexer.h>

#include "compiler/diag/text.h"
#include "compiler/ir/printer.h"
#include "compiler/irtext/sections.h"

namespace policyc::irtext {
namespace {

// The first mistake ends the reading.
class Refusing : public antlr4::BaseErrorListener {
 public:
  void syntaxError(antlr4::Recognizer*, antlr4::Token*, std::size_t line, std::size_t column,
                   const std::string& what, std::exception_ptr) override {
    refuse(line, column + 1, what);
  }
};

void check_utf8(std::string_view text) {
  std::size_t line = 1;
  std::size_t column = 1;
  while (!text.empty()) {
    const std::size_t length = diag::utf8_length(text);
    if (length == 0) refuse(line, column, "this is not UTF-8");
    ++column;
    if (text.front() == '\n') {
      ++line;
      column = 1;
    }
    text.remove_prefix(length);
  }
}

ir::EndpointPolicy policy_of(Parser::DocumentContext& document) {
  ir::EndpointPolicy policy;
  const antlr4::Token& version = *document.NUMBER()->getSymbol();
  if (number(version, 0xffffffff) != ir::kTextVersion)
    refuse(version, "this policyc reads version " + std::to_string(ir::kTextVersion));
  const antlr4::Token& stage = *document.WORD()->getSymbol();
  const auto known = ir::parse_stage(stage.getText());
  if (!known) refuse(stage, "no stage is called so");
  policy.stage = *known;
  policy.subject = string(*document.STRING()->getSymbol());
  for (auto* entity : document.entity())
    policy.entities.push_back(
        {string(*entity->STRING()->getSymbol()), predicate(*entity->selectors())});
  for (auto* text : document.predicate()) {
    const antlr4::Token& name = *text->PREDICATE()->getSymbol();
    if (name.getText() != "p" + std::to_string(policy.predicates.size()))
      refuse(name, "predicates are counted from p0");
    policy.predicates.push_back(predicate(*text->selectors()));
  }
  for (std::size_t direction = 0; direction < 2; ++direction) {
    DirectionReader(policy, policy.directions[direction])
        .read(*document.direction(direction), direction == 0);
  }
  return policy;
}

ir::EndpointPolicy read_or_throw(std::string_view text) {
  if (text.size() > kMaxBytes)
    refuse(1, 1, "the text is longer than " + std::to_string(kMaxBytes) + " bytes");
  check_utf8(text);
  Refusing refusing;
  antlr4::ANTLRInputStream input{std::string(text)};
  grammar::PolicyIRLexer lexer(&input);
  lexer.removeErrorListeners();
  lexer.addErrorListener(&refusing);
  antlr4::CommonTokenStream tokens(&lexer);
  tokens.fill();
  if (tokens.size() > kMaxTokens)
    refuse(1, 1, "the text has more than " + std::to_string(kMaxTokens) + " words");
  Parser parser(&tokens);
  parser.removeErrorListeners();
  parser.addErrorListener(&refusing);
  parser.getInterpreter<antlr4::atn::ParserATNSimulator>()->setPredictionMode(
      antlr4::atn::PredictionMode::SLL);
  return policy_of(*parser.document());
}

}  // namespace

Result<ir::EndpointPolicy> read(std::string_view text) {
  try {
    return read_or_throw(text);
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

}  // namespace policyc::irtext
