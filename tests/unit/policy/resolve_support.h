#pragma once
// Policies in YAML to resolved entries, for tests.

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "compiler/manifest/document.h"
#include "compiler/policy/entry.h"
#include "compiler/policy/reader.h"

namespace policyc::policy {

// Everything that one resolution needs and gives.
struct ResolveRun {
  source::SourceMap sources;
  diag::Engine diagnostics;
  Cluster cluster;
  Options options;
  PolicySet policies;
  Resolved resolved;

  void read(const std::string& yaml) {
    const auto documents =
        manifest::read_documents(sources, sources.add_file("test.yaml", yaml), diagnostics);
    ReadOptions read_options;
    read_options.agent = options;
    read_options.check_schema = false;
    policies = read_documents(documents, read_options, diagnostics).policies;
  }
  void resolve() { resolved = policy::resolve(policies, cluster, options, diagnostics); }
  void run(const std::string& yaml) {
    read(yaml);
    ASSERT_FALSE(diagnostics.has_errors()) << diag::render_text(sources, diagnostics);
    resolve();
  }
  // A CiliumNetworkPolicy `p` in namespace `a` for `app: web`; `body` is indented by two blanks.
  void run_rule(const std::string& body) {
    run("apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: "
        "a}\nspec:\n"
        "  endpointSelector: {matchLabels: {app: web}}\n" +
        body);
  }
  void run_network_policy(const std::string& body) {
    run("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: k, namespace: "
        "a}\nspec:\n"
        "  podSelector: {}\n" +
        body);
  }

  // "line:column" of the only diagnostic of that id; empty when there is none or more than one.
  [[nodiscard]] std::string place_of(diag::Id id) const {
    const auto& all = diagnostics.all();
    const auto is_id = [id](const diag::Diagnostic& diagnostic) { return diagnostic.id == id; };
    if (std::count_if(all.begin(), all.end(), is_id) != 1) return "";
    const diag::Diagnostic& found = *std::find_if(all.begin(), all.end(), is_id);
    if (!found.node.valid()) return "nowhere";
    return sources.file_line_column(found.node).substr(std::string("test.yaml:").size());
  }
};

}  // namespace policyc::policy
