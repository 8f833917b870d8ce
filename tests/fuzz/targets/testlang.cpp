// Any text is a suite, or a mistake at a place of the text; and so are the parts that a command
// line gives.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "compiler/testlang/reader.h"

namespace {

using namespace policyc;

void require(bool good) {
  if (!good) std::abort();
}

void look_at(const testlang::Span& span, std::size_t lines) {
  require(span.begin.line >= 1 && span.begin.column >= 1);
  require(span.begin <= span.end);
  require(span.begin.line <= lines);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  if (const auto suite = testlang::read(text)) {
    for (const testlang::Assertion& assertion : suite->assertions) {
      require(!assertion.name.empty());
      for (const auto* span :
           {&assertion.span, &assertion.verdict, &assertion.from_span, &assertion.to_span})
        look_at(*span, lines);
    }
  } else {
    require(!suite.error().message.empty());
    look_at(suite.error().span, lines);
  }
  (void)testlang::read_side(text);
  (void)testlang::read_ports(text);
  (void)testlang::read_http(text);
  (void)testlang::read_header(text);
  return 0;
}
