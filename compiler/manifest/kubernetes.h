#pragma once
// Trees to Kubernetes documents: apiVersion, kind, metadata, and lists taken apart.

#include <vector>

#include "compiler/manifest/document.h"

namespace policyc::manifest {

// Appends the document that `root` is, or those in its `items`. Reports what is no Kubernetes
// object and leaves it out. A null root (an empty document) gives nothing.
void append_documents(Node root, source::FileId file, diag::Engine& diagnostics,
                      std::vector<Document>& documents);

}  // namespace policyc::manifest
