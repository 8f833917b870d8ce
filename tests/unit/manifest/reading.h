#pragma once
// Reads YAML for a test and prints what came out.

#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/manifest/document.h"
#include "compiler/source/source.h"

namespace policyc::manifest {

struct Reading {
  source::SourceMap sources;
  source::FileId file;
  diag::Engine diagnostics;
  std::vector<Document> documents;

  [[nodiscard]] std::string rendered() const { return render_text(sources, diagnostics); }
  // The ids reported, in order.
  [[nodiscard]] std::vector<diag::Id> ids() const {
    std::vector<diag::Id> result;
    for (const auto& diagnostic : diagnostics.all()) result.push_back(diagnostic.id);
    return result;
  }
  // "2:3-2:7" of a node.
  [[nodiscard]] std::string range(source::NodeId node) const {
    const source::Range& r = sources.range(node);
    return std::to_string(r.begin.line) + ":" + std::to_string(r.begin.column) + "-" +
           std::to_string(r.end.line) + ":" + std::to_string(r.end.column);
  }
};

inline Reading read(std::string text, const Limits& limits = {}) {
  Reading reading;
  reading.file = reading.sources.add_file("input.yaml", std::move(text));
  reading.documents = read_documents(reading.sources, reading.file, reading.diagnostics, limits);
  return reading;
}

// One line of JSON; strings are quoted, other scalars are not.
inline std::string dump(const Node& node) {
  std::string out;
  if (node.is_mapping()) {
    for (const Member& member : node.members)
      out += (out.empty() ? "" : ", ") + member.key + ": " + dump(member.value);
    return "{" + out + "}";
  }
  if (node.is_sequence()) {
    for (const Node& item : node.items) out += (out.empty() ? "" : ", ") + dump(item);
    return "[" + out + "]";
  }
  if (node.is_null()) return "null";
  if (!node.is_string()) return node.text;
  for (const char c : node.text) out += c == '\n' ? std::string("\\n") : std::string(1, c);
  return '"' + out + '"';
}

// The member `x` of the only document of "apiVersion: v1, kind: X" plus `text`; empty when there is
// no such document.
inline std::string dump_x(const Reading& reading) {
  if (reading.documents.size() != 1) return {};
  const Node* x = reading.documents[0].root.find("x");
  return x == nullptr ? std::string() : dump(*x);
}

inline constexpr std::string_view kHead = "apiVersion: v1\nkind: X\n";

inline Reading read_body(std::string_view body, const Limits& limits = {}) {
  return read(std::string(kHead) + std::string(body), limits);
}

}  // namespace policyc::manifest
