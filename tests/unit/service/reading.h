#pragma once
// Texts to services, for the tests of compiler/service.

#include <string>

#include "compiler/manifest/document.h"
#include "compiler/service/reader.h"

namespace policyc::service::test {

struct Reading {
  source::SourceMap sources;
  diag::Engine diagnostics;
  Objects objects;

  [[nodiscard]] std::string rendered() const { return diag::render_text(sources, diagnostics); }
};

inline void read(const std::string& text, Reading& run) {
  const source::FileId file = run.sources.add_file("s.yaml", text);
  Reader reader(run.diagnostics);
  for (const auto& document : manifest::read_documents(run.sources, file, run.diagnostics))
    reader.add(document);
  run.objects = reader.take();
}

}  // namespace policyc::service::test
