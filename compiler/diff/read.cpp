#include "compiler/diff/read.h"

#include <set>
#include <string_view>
#include <thread>
#include <tuple>
#include <unordered_map>

#include "compiler/manifest/document.h"

namespace policyc::diff {
namespace {

using FileList = std::vector<source::FileId>;

// Files of the source map for both sides, one for equal texts.
std::array<FileList, 2> add_files(std::array<std::vector<Text>, 2> texts,
                                  source::SourceMap& sources) {
  std::array<FileList, 2> out;
  // The map keeps its texts where they are, so the views stay valid.
  std::unordered_map<std::string_view, source::FileId> known;
  for (const std::size_t side : {1U, 0U}) {
    for (Text& one : texts[side]) {
      const auto found = known.find(one.text);
      if (found != known.end()) {
        out[side].push_back(found->second);
        continue;
      }
      const auto file = sources.add_file(std::move(one.name), std::move(one.text));
      known.emplace(sources.text(file), file);
      out[side].push_back(file);
    }
  }
  return out;
}

class SideReader {
 public:
  SideReader(const std::vector<std::vector<manifest::Document>>& parsed,
             const policy::Options& agent)
      : parsed_(parsed), agent_(agent) {}

  void run(const FileList& files, Sides::Side& out) {
    std::vector<const manifest::Document*> documents;
    for (const source::FileId file : files) {
      for (const manifest::Document& document : parsed_[file.value]) documents.push_back(&document);
    }
    policy::ReadOptions options;
    options.agent = agent_;
    out.read = policy::read_documents(documents, options, diagnostics_);
    if (diagnostics_.has_errors()) return;
    out.resolved = policy::resolve(out.read.policies, out.read.cluster, agent_, diagnostics_);
  }

  [[nodiscard]] const diag::Engine& diagnostics() const { return diagnostics_; }

 private:
  const std::vector<std::vector<manifest::Document>>& parsed_;
  const policy::Options& agent_;
  diag::Engine diagnostics_;
};

// What both sides report of one place is said once.
void add_diagnostics(diag::Engine& all, const SideReader& before, const SideReader& after) {
  std::set<std::tuple<diag::Id, source::NodeId, source::FileId, std::string>> known;
  for (const SideReader* side : {&before, &after}) {
    for (const diag::Diagnostic& one : side->diagnostics().all()) {
      if (known.emplace(one.id, one.node, one.file, one.message).second)
        all.report(one.id, one.node, {}) = one;
    }
  }
}

}  // namespace

std::unique_ptr<Sides> read_sides(std::array<std::vector<Text>, 2> texts,
                                  const ReadOptions& options) {
  auto out = std::make_unique<Sides>();
  out->agent = options.agent;
  const std::array<FileList, 2> files = add_files(std::move(texts), out->sources);
  FileList all;
  for (std::uint32_t i = 0; i < out->sources.file_count(); ++i) all.push_back({i});
  const auto parsed =
      manifest::read_many(out->sources, all, out->diagnostics, {options.workers, options.progress});
  SideReader before(parsed, out->agent);
  SideReader after(parsed, out->agent);
  std::thread other([&] { before.run(files[0], out->sides[0]); });
  after.run(files[1], out->sides[1]);
  other.join();
  add_diagnostics(out->diagnostics, before, after);
  out->usable = !out->diagnostics.has_errors();
  return out;
}

}  // namespace policyc::diff
