#pragma once
// Policies and pods from YAML, for tests of what answers from them.

#include <string>

#include <gtest/gtest.h>

#include "compiler/explain/answers.h"
#include "compiler/manifest/document.h"
#include "compiler/policy/reader.h"

namespace policyc::testing {

class ClusterText {
 public:
  explicit ClusterText(std::string yaml, policy::Options agent = {},
                       std::string name = "cluster.yaml")
      : agent_(std::move(agent)) {
    const auto file = sources_.add_file(std::move(name), std::move(yaml));
    const auto documents = manifest::read_documents(sources_, file, diagnostics_);
    policy::ReadOptions options;
    options.agent = agent_;
    read_ = policy::read_documents(documents, options, diagnostics_);
    resolved_ = policy::resolve(read_.policies, read_.cluster, agent_, diagnostics_);
    EXPECT_FALSE(diagnostics_.has_errors()) << diag::render_text(sources_, diagnostics_);
  }
  ClusterText(const ClusterText&) = delete;
  ClusterText& operator=(const ClusterText&) = delete;

  [[nodiscard]] explain::Model model() const {
    return {read_.cluster, resolved_, agent_, sources_};
  }

 private:
  policy::Options agent_;
  source::SourceMap sources_;
  diag::Engine diagnostics_;
  policy::ReadResult read_;
  policy::Resolved resolved_;
};

// A pod in a namespace with one label `app`.
inline std::string pod(const std::string& namespace_name, const std::string& name,
                       const std::string& app, const std::string& address = {}) {
  return "---\napiVersion: v1\nkind: Pod\nmetadata: {name: " + name +
         ", namespace: " + namespace_name + ", labels: {app: " + app +
         "}}\nspec: {containers: [{name: main, ports: [{name: web, containerPort: 8080}]}]}\n" +
         (address.empty() ? "" : "status: {podIP: " + address + "}\n");
}

// A CiliumNetworkPolicy for `app: APP` with the rest of its spec, two spaces deep.
inline std::string policy_for(const std::string& namespace_name, const std::string& name,
                              const std::string& app, const std::string& rest) {
  return "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: " + name +
         ", namespace: " + namespace_name +
         "}\nspec:\n  endpointSelector: {matchLabels: {app: " + app + "}}\n" + rest;
}

}  // namespace policyc::testing
