#pragma once
// From contexts of the grammar to parts of the IR. Everything here throws SyntaxError; read()
// catches it.

#include <stdexcept>
#include <string>
#include <string_view>

#include <PolicyIRParser.h>

#include "compiler/ir/ir.h"

namespace policyc::irtext {

struct SyntaxError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] void refuse(std::size_t line, std::size_t column, const std::string& what);
[[noreturn]] void refuse(const antlr4::Token& token, const std::string& what);

using Parser = grammar::PolicyIRParser;

// A decimal number up to `limit`.
[[nodiscard]] std::uint32_t number(const antlr4::Token& token, std::uint32_t limit);
[[nodiscard]] std::string string(const antlr4::Token& token);
[[nodiscard]] policy::Predicate predicate(Parser::SelectorsContext& selectors);

// Fills one direction; `policy` has its predicates and entities already.
class DirectionReader {
 public:
  DirectionReader(const ir::EndpointPolicy& policy, ir::DirectionPolicy& out)
      : policy_(policy), out_(out) {}

  void read(Parser::DirectionContext& direction, bool ingress);

 private:
  [[nodiscard]] ir::Rule rule(Parser::PolRuleContext& text, bool ingress) const;
  void peers(Parser::PeersContext& text, ir::Rule& rule) const;
  void ports(Parser::PortsContext& text, ir::Rule& rule) const;
  void classes(Parser::DirectionContext& direction);

  const ir::EndpointPolicy& policy_;
  ir::DirectionPolicy& out_;
};

}  // namespace policyc::irtext
