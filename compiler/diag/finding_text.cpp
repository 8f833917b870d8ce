#include <algorithm>
#include <string>

#include "compiler/diag/finding_formats.h"
#include "compiler/diag/finding_parts.h"
#include "compiler/diag/snippet.h"

namespace policyc::diag {
namespace {

constexpr std::size_t kNumberWidth = 5;
constexpr std::string_view kBold = "\033[1m";
constexpr std::string_view kRed = "\033[1;31m";
constexpr std::string_view kMagenta = "\033[1;35m";
constexpr std::string_view kCyan = "\033[1;36m";
constexpr std::string_view kGreen = "\033[32m";
constexpr std::string_view kReset = "\033[0m";

std::string_view severity_color(Severity severity) {
  switch (severity) {
    case Severity::Note:
      return kCyan;
    case Severity::Warning:
      return kMagenta;
    case Severity::Error:
      return kRed;
  }
  return kRed;
}

class TextRenderer {
 public:
  TextRenderer(const source::SourceMap& sources, const Report& report, const RenderStyle& style)
      : sources_(sources), report_(report), style_(style), cutter_(sources) {}

  std::string take() { return std::move(out_); }

  void add(const Finding& finding) {
    add_header(finding);
    source::FileId shown;
    if (finding.place) {
      shown = finding.place->file;
      add_snippet(*finding.place, '^', '~', {}, severity_color(finding.severity));
    }
    for (const RelatedPlace& related : finding.related) {
      if (related.range.file != shown) out_.append("  ").append(where(related.range)).append(":\n");
      shown = related.range.file;
      add_snippet(related.range, '-', '-', related.text, kCyan);
    }
    if (!finding.help.empty()) {
      paint("  help: ", kBold);
      out_.append(one_line(finding.help)).append("\n");
    }
    if (finding.fix) {
      paint("  fix: ", kGreen);
      out_.append(one_line(finding.fix->description)).append(" (--fix)\n");
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
  void paint(std::string_view text, std::string_view color) {
    if (style_.color) out_ += color;
    out_ += text;
    if (style_.color) out_ += kReset;
  }

  std::string where(const source::Range& range) const {
    return one_line(sources_.name(range.file)) + ":" + std::to_string(range.begin.line) + ":" +
           std::to_string(range.begin.column);
  }

  void add_header(const Finding& finding) {
    if (finding.place) paint(where(*finding.place) + ": ", kBold);
    paint(std::string(severity_name(finding.severity)) + ": ", severity_color(finding.severity));
    paint(one_line(finding.message), kBold);
    out_ += " [" + finding.rule;
    if (const FindingRule* rule = report_.find_rule(finding.rule); rule != nullptr)
      out_ += " " + rule->name;
    out_ += "]\n";
  }

  void add_snippet(const source::Range& range, char first, char rest, std::string_view label,
                   std::string_view color) {
    const Snippet snippet = cutter_.cut(range);
    const std::string number = std::to_string(range.begin.line);
    const std::size_t margin = std::max(kNumberWidth, number.size());
    out_.append(margin - number.size(), ' ').append(number).append(" | ").append(snippet.text);
    while (out_.back() == ' ') out_.pop_back();
    out_.append("\n").append(margin, ' ').append(" | ").append(snippet.indent, ' ');
    paint(first + std::string(snippet.width - 1, rest), color);
    if (!label.empty()) out_.append(" ").append(one_line(label));
    out_.append("\n");
  }

  const source::SourceMap& sources_;
  const Report& report_;
  const RenderStyle& style_;
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
