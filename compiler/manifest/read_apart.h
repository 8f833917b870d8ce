#pragma once
// Reading with the places kept apart from the texts, so that several threads can read files of one
// source map. Internal to compiler/manifest.

#include <vector>

#include "compiler/manifest/document.h"

namespace policyc::manifest {

// As read_documents(); the nodes go into `nodes` with ranges of files of `sources`, which is only
// read.
[[nodiscard]] std::vector<Document> read_documents_apart(const source::SourceMap& sources,
                                                         source::SourceMap& nodes,
                                                         source::FileId file,
                                                         diag::Engine& diagnostics,
                                                         const Limits& limits);

}  // namespace policyc::manifest
