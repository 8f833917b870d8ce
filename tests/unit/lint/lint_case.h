#pragma once
// One run of all rules over texts, without the command line.

#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "compiler/lint/config.h"
#include "compiler/lint/lint.h"
#include "compiler/manifest/document.h"
#include "compiler/policy/entry.h"
#include "compiler/policy/reader.h"

namespace policyc::testing {

class LintCase {
 public:
  policy::Options agent;
  lint::ClusterFacts facts;
  lint::Options options;
  bool complete_inventory = false;

  void add(std::string name, std::string text) {
    const auto file = sources_.add_file(std::move(name), std::move(text));
    auto some = manifest::read_documents(sources_, file, diagnostics_);
    std::move(some.begin(), some.end(), std::back_inserter(documents_));
  }

  // "cilium 1.15", "complete", "config-given", "pod-prefix P", "policy-map-max N", one a line.
  void set_facts(const std::string& text) {
    std::istringstream lines(text);
    for (std::string key; lines >> key;) {
      std::string value;
      if (key == "complete") {
        complete_inventory = true;
      } else if (key == "config-given") {
        facts.config_given = true;
      } else if (key == "cilium" && lines >> value) {
        const auto version = lint::parse_version(value);
        ASSERT_TRUE(version.has_value()) << value;
        facts.major = version->first;
        facts.minor = version->second;
      } else if (key == "pod-prefix" && lines >> value) {
        const auto prefix = parse_ip_prefix(value);
        ASSERT_TRUE(prefix.has_value()) << value;
        facts.pod_prefixes.push_back(*prefix);
      } else if (key == "policy-map-max" && lines >> value) {
        facts.policy_map_max = std::stoul(value);
      } else {
        FAIL() << "unknown fact " << key;
      }
    }
  }

  const diag::Report& run() {
    policy::ReadOptions read_options;
    read_options.agent = agent;
    read_ = policy::read_documents(documents_, read_options, diagnostics_);
    resolved_ = policy::resolve(read_.policies, read_.cluster, agent, diagnostics_);
    const lint::Inputs inputs{sources_, documents_,        read_, resolved_, agent,
                              facts,    complete_inventory};
    report_ = lint::run(inputs, diagnostics_, options);
    return report_;
  }

  [[nodiscard]] const source::SourceMap& sources() const { return sources_; }
  [[nodiscard]] const diag::Report& report() const { return report_; }
  [[nodiscard]] const policy::ReadResult& read() const { return read_; }
  [[nodiscard]] const policy::Resolved& resolved() const { return resolved_; }

  // "PL0001 3" for each finding that counts: its rule and line.
  [[nodiscard]] std::vector<std::string> found() const {
    std::vector<std::string> list;
    for (const diag::Finding& finding : report_.findings) {
      if (!finding.suppressed)
        list.push_back(finding.rule + " " +
                       (finding.place ? std::to_string(finding.place->begin.line) : "-"));
    }
    return list;
  }

 private:
  source::SourceMap sources_;
  diag::Engine diagnostics_;
  std::vector<manifest::Document> documents_;
  policy::ReadResult read_;
  policy::Resolved resolved_;
  diag::Report report_;
};

}  // namespace policyc::testing
