#include "cli/policy_inputs.h"

#include <algorithm>
#include <iterator>
#include <thread>

#include "compiler/manifest/document.h"

namespace policyc::cli {

unsigned reading_threads() { return std::clamp(std::thread::hardware_concurrency(), 1U, 8U); }

std::unique_ptr<PolicyInputs> read_policy_texts(std::vector<driver::InputText> texts,
                                                const policy::Options& agent,
                                                source::SourceMap& sources,
                                                const ReadProgress& progress) {
  auto out = std::make_unique<PolicyInputs>();
  out->agent = agent;
  std::vector<manifest::Document> documents;
  std::vector<source::FileId> files;
  for (driver::InputText& input : texts)
    files.push_back(sources.add_file(std::move(input.name), std::move(input.text)));
  for (auto& read :
       manifest::read_many(sources, files, out->diagnostics, {reading_threads(), progress}))
    std::move(read.begin(), read.end(), std::back_inserter(documents));
  policy::ReadOptions options;
  options.agent = agent;
  out->read = policy::read_documents(documents, options, out->diagnostics);
  if (out->diagnostics.has_errors()) return out;
  out->resolved =
      policy::resolve(out->read.policies, out->read.cluster, out->agent, out->diagnostics);
  out->usable = !out->diagnostics.has_errors();
  return out;
}

Result<std::unique_ptr<PolicyInputs>> read_policy_inputs(const std::vector<std::string>& policies,
                                                         const std::vector<std::string>& endpoints,
                                                         const policy::Options& agent,
                                                         std::istream& standard_input,
                                                         source::SourceMap& sources,
                                                         const ReadProgress& progress) {
  auto texts = driver::read_inputs(policies, standard_input);
  if (!texts) return std::unexpected(texts.error());
  auto inventory = driver::read_inputs(endpoints, standard_input);
  if (!inventory) return std::unexpected(inventory.error());
  std::move(inventory->begin(), inventory->end(), std::back_inserter(*texts));
  return read_policy_texts(std::move(*texts), agent, sources, progress);
}

}  // namespace policyc::cli
