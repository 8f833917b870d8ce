#pragma once
// Text to a parse tree, with limits.

#include <memory>
#include <string_view>

#include "compiler/testlang/parts.h"

namespace policyc::testlang {

// Lexer, tokens and parser of one text; trees live as long as it does.
class Parse {
 public:
  // Throws MistakeError when the text is too large, or not UTF-8.
  explicit Parse(std::string_view text);
  ~Parse();
  Parse(const Parse&) = delete;
  Parse& operator=(const Parse&) = delete;

  // Every rule of the grammar throws MistakeError at the first mistake.
  [[nodiscard]] Parser& parser();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace policyc::testlang
