#include "compiler/diag/finding_formats.h"

#include <array>

namespace policyc::diag {
namespace {

template <std::string (*Render)(const source::SourceMap&, const Report&)>
std::string plain(const source::SourceMap& sources, const Report& report,
                  const RenderStyle& /*style*/) {
  return Render(sources, report);
}

constexpr std::array<FindingFormat, 7> kFormats = {{
    {"text", render_findings_text},
    {"json", plain<render_json>},
    {"sarif", plain<render_sarif>},
    {"junit", plain<render_junit>},
    {"tap", plain<render_tap>},
    {"github", plain<render_github>},
    {"codeclimate", plain<render_codeclimate>},
}};

}  // namespace

std::span<const FindingFormat> finding_formats() { return kFormats; }

}  // namespace policyc::diag
