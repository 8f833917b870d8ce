#pragma once
// Trees to Kubernetes documents: apiVersion, kind, metadata, and lists taken apart.

#include "compiler/manifest/document.h"

namespace policyc::manifest {

// Gives `take` the document that `root` is, or those in its `items`. Reports what is no Kubernetes
// object and leaves it out. A null root (an empty document) gives nothing.
void take_documents(Node root, source::FileId file, diag::Engine& diagnostics,
                    const TakeDocument& take);

}  // namespace policyc::manifest
