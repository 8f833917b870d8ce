#pragma once
// Documents to the typed model, and the two validators of spec section 3.

#include <span>
#include <string>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/manifest/document.h"
#include "compiler/policy/cluster.h"
#include "compiler/policy/model.h"
#include "compiler/policy/options.h"

namespace policyc::policy {

struct ReadResult {
  PolicySet policies;  // only those that passed every check asked for
  Cluster cluster;     // from Namespace, Pod, workloads, Service, EndpointSlice, Node, CiliumNode,
                       // CiliumEndpoint, ...
  std::size_t skipped_documents = 0;  // kinds that policyc does not know
  std::size_t rejected_policies = 0;
};

struct ReadOptions {
  Options agent;
  bool check_schema = true;  // what the API server refuses is an error (spec section 3.2)
  bool unknown_fields_are_errors =
      true;  // strict field validation, as kubectl asks for; else a warning
};

// Reads every document. Errors are reported at their key or value; a policy with an error is left
// out and counted.
[[nodiscard]] ReadResult read_documents(const std::vector<manifest::Document>& documents,
                                        const ReadOptions& options, diag::Engine& diagnostics);
// The same of documents that lie apart.
[[nodiscard]] ReadResult read_documents(std::span<const manifest::Document* const> documents,
                                        const ReadOptions& options, diag::Engine& diagnostics);

// A document of one of the kinds in PolicySet, whatever its version.
[[nodiscard]] bool is_policy(const manifest::Document& document);

// What a cluster says of one document (policyc validate).
struct Acceptance {
  bool accepted = false;
  diag::RefusedBy rejected_by = diag::RefusedBy::Policyc;  // meaningful when not accepted
  std::string refusal_class;                               // classes of the conformance vectors
  bool api_server_accepts = false;
  bool agent_accepts = false;  // the agent on the object that the API server would have stored
};
[[nodiscard]] Acceptance validate(const manifest::Document& document, const Options& options,
                                  diag::Engine& diagnostics);
// What an agent says of a document that it is given as a file, without an API server (spec section
// 1, static files).
[[nodiscard]] Acceptance validate_static_file(const manifest::Document& document,
                                              const Options& options, diag::Engine& diagnostics);

}  // namespace policyc::policy
