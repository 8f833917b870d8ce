#include <string>

#include "compiler/diag/finding_formats.h"
#include "compiler/diag/finding_parts.h"
#include "compiler/diag/quote.h"

namespace policyc::diag {
namespace {

Tint severity_tint(Severity severity) {
  switch (severity) {
    case Severity::Note:
      return Tint::Cyan;
    case Severity::Warning:
      return Tint::Magenta;
    case Severity::Error:
      return Tint::Red;
  }
  return Tint::Red;
}

class TextRenderer {
 public:
  TextRenderer(const source::SourceMap& sources, const Report& report, const RenderStyle& style)
      : sources_(sources), report_(report), paint_(style.color), cutter_(sources) {}

  std::string take() { return std::move(out_); }

  void add(const Finding& finding) {
    add_header(finding);
    source::FileId shown;
    if (finding.place) {
      shown = finding.place->file;
      add_quote(*finding.place, {.tint = severity_tint(finding.severity)});
    }
    for (const RelatedPlace& related : finding.related) {
      if (related.range.file != shown) out_.append("  ").append(where(related.range)).append(":\n");
      shown = related.range.file;
      add_quote(related.range, {'-', '-', Tint::Cyan, related.text});
    }
    if (!finding.help.empty()) {
      out_.append(paint_("  help: ", Tint::Bold)).append(one_line(finding.help)).append("\n");
    }
    if (finding.fix) {
      out_.append(paint_("  fix: ", Tint::Green))
          .append(one_line(finding.fix->description))
          .append(" (--fix)\n");
    }
  }

  void add_summary() {
    std::size_t counts[3] = {};
    std::size_t suppressed = 0;
    for (const Finding& finding : report_.findings) {
      if (finding.suppressed) {
        ++suppressed;
      } else {
        ++counts[static_cast<std::size_t>(finding.severity)];
      }
    }
    const auto count = [](std::size_t number, std::string_view what) {
      return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : "s");
    };
    out_ += count(counts[2], "error") + ", " + count(counts[1], "warning") + ", " +
            count(counts[0], "note");
    if (suppressed != 0) out_ += ", " + std::to_string(suppressed) + " suppressed";
    out_ += "\n";
  }

 private:
  std::string where(const source::Range& range) const {
    return one_line(sources_.name(range.file)) + ":" + std::to_string(range.begin.line) + ":" +
           std::to_string(range.begin.column);
  }

  void add_header(const Finding& finding) {
    if (finding.place) out_ += paint_(where(*finding.place) + ": ", Tint::Bold);
    out_ += paint_(std::string(severity_name(finding.severity)) + ": ",
                   severity_tint(finding.severity));
    out_ += paint_(one_line(finding.message), Tint::Bold);
    out_ += " [" + finding.rule;
    if (const FindingRule* rule = report_.find_rule(finding.rule); rule != nullptr)
      out_ += " " + rule->name;
    out_ += "]\n";
  }

  void add_quote(const source::Range& range, const Mark& mark) {
    append_quote(out_, cutter_, range, mark, paint_);
  }

  const source::SourceMap& sources_;
  const Report& report_;
  Paint paint_;
  SnippetCutter cutter_;
  std::string out_;
};

}  // namespace

std::string render_finding(const source::SourceMap& sources, const Report& report,
                           const Finding& finding, const RenderStyle& style) {
  TextRenderer renderer(sources, report, style);
  renderer.add(finding);
  return renderer.take();
}

std::string render_findings_text(const source::SourceMap& sources, const Report& report,
                                 const RenderStyle& style) {
  TextRenderer renderer(sources, report, style);
  for (const Finding& finding : report.findings) {
    if (!finding.suppressed) renderer.add(finding);
  }
  renderer.add_summary();
  return renderer.take();
}

}  // namespace policyc::diag
