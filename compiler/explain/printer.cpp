#include "compiler/explain/printer.h"

#include "compiler/diag/quote.h"
#include "compiler/explain/rule_text.h"

namespace policyc::explain {

namespace {

const source::SourceMap& nothing() {
  static const source::SourceMap sources;
  return sources;
}

}  // namespace

Printer::Printer() : Printer(nothing(), {}) {}

diag::Tint Printer::tint_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::Allow:
      return diag::Tint::Green;
    case Outcome::Redirect:
    case Outcome::Authenticate:
      return diag::Tint::Magenta;
    case Outcome::Deny:
      break;
  }
  return diag::Tint::Red;
}

void Printer::append_origins(std::string& out, std::size_t indent,
                             const std::vector<ir::Origin>& origins, diag::Tint tint) {
  for (const ir::Origin& origin : origins) {
    out.append(indent, ' ').append(origin_text(origin)).append("\n");
    if (const auto place = places_.of(origin))
      diag::append_quote(out, cutter_, *place, {.tint = tint}, paint_);
  }
}

}  // namespace policyc::explain
