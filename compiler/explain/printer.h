#pragma once
// How answers are shown to people: painted where that is wanted, and with the lines that decide
// where their files are at hand.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/finding_formats.h"
#include "compiler/diag/paint.h"
#include "compiler/diag/snippet.h"
#include "compiler/explain/answers.h"
#include "compiler/explain/origin_places.h"

namespace policyc::explain {

class Printer {
 public:
  // Neither paints nor quotes.
  Printer();
  // `sources` must outlive it.
  Printer(const source::SourceMap& sources, const diag::RenderStyle& style)
      : paint_(style.color), places_(sources), cutter_(sources) {}

  // Green for what passes, red for what does not, else the colour of warnings.
  [[nodiscard]] static diag::Tint tint_of(Outcome outcome);
  [[nodiscard]] std::string paint(std::string_view text, diag::Tint tint) const {
    return paint_(text, tint);
  }
  // Each on a line of its own (origin_text()), then the line of its file with carets.
  void append_origins(std::string& out, std::size_t indent, const std::vector<ir::Origin>& origins,
                      diag::Tint tint);

 private:
  diag::Paint paint_;
  OriginPlaces places_;
  diag::SnippetCutter cutter_;
};

}  // namespace policyc::explain
