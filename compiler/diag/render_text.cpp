#include <string>

#include "compiler/diag/diag.h"
#include "compiler/diag/quote.h"
#include "compiler/diag/text.h"

namespace policyc::diag {
namespace {

std::string_view severity_word(Severity severity) {
  switch (severity) {
    case Severity::Note:
      return "note";
    case Severity::Warning:
      return "warning";
    case Severity::Error:
      return "error";
  }
  return "error";
}

std::string_view refusal_note(RefusedBy refused_by) {
  switch (refused_by) {
    case RefusedBy::Policyc:
      return {};
    case RefusedBy::ApiServer:
      return "the API server refuses this document";
    case RefusedBy::Agent:
      return "the Cilium agent refuses this policy";
  }
  return {};
}

void append_plain_quote(std::string& out, SnippetCutter& cutter, const source::Range& range,
                        const Mark& mark) {
  append_quote(out, cutter, range, mark, Paint(false));
}

std::string position(const source::SourceMap& sources, source::NodeId node) {
  return one_line(sources.file_line_column(node));
}

void append_header(std::string& out, const source::SourceMap& sources,
                   const Diagnostic& diagnostic) {
  if (diagnostic.node.valid()) {
    out += position(sources, diagnostic.node) + ": ";
  } else if (diagnostic.file.valid()) {
    out += one_line(sources.name(diagnostic.file)) + ": ";
  }
  out.append(severity_word(diagnostic.severity)).append(": ").append(one_line(diagnostic.message));
  const std::string_view flag = registered(diagnostic.id).flag;
  out.append(" [").append(code(diagnostic.id));
  if (!flag.empty()) out.append(" -W").append(flag);
  out.append("]\n");
}

void append_diagnostic(std::string& out, const source::SourceMap& sources, SnippetCutter& cutter,
                       const Diagnostic& diagnostic) {
  append_header(out, sources, diagnostic);
  source::FileId shown_file = diagnostic.file;
  if (diagnostic.node.valid()) {
    const source::Range& range = sources.range(diagnostic.node);
    shown_file = range.file;
    append_plain_quote(out, cutter, range, {});
  }
  for (const Info& info : diagnostic.infos) {
    if (!info.node.valid()) {
      out.append("  info: ").append(one_line(info.text)).append("\n");
      continue;
    }
    const source::Range& range = sources.range(info.node);
    if (range.file != shown_file)
      out.append("  ").append(position(sources, info.node)).append(":\n");
    shown_file = range.file;
    const std::string label = info.text.empty() ? "" : "info: " + one_line(info.text);
    append_plain_quote(out, cutter, range, {.first = '-', .rest = '-', .label = label});
  }
  if (const auto note = refusal_note(diagnostic.refused_by); !note.empty()) {
    out.append("  note: ").append(note).append("\n");
  }
  if (!diagnostic.help.empty())
    out.append("  help: ").append(one_line(diagnostic.help)).append("\n");
}

}  // namespace

std::string render_text(const source::SourceMap& sources, const Diagnostic& diagnostic) {
  SnippetCutter cutter(sources);
  std::string out;
  append_diagnostic(out, sources, cutter, diagnostic);
  return out;
}

std::string render_text(const source::SourceMap& sources, const Engine& engine) {
  SnippetCutter cutter(sources);
  std::string out;
  for (const Diagnostic& diagnostic : engine.all())
    append_diagnostic(out, sources, cutter, diagnostic);
  return out;
}

}  // namespace policyc::diag
