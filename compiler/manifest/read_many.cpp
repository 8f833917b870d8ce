#include <algorithm>
#include <atomic>
#include <exception>
#include <numeric>
#include <thread>

#include "compiler/manifest/read_apart.h"

namespace policyc::manifest {
namespace {

// One file as a thread read it, with nodes numbered from 0.
struct Part {
  source::SourceMap nodes;
  diag::Engine diagnostics;
  std::vector<Document> documents;
};

void shift(source::NodeId& id, std::uint32_t offset) {
  if (id.valid()) id.value += offset;
}

void shift(Node& node, std::uint32_t offset) {
  shift(node.id, offset);
  for (Node& item : node.items) shift(item, offset);
  for (Member& member : node.members) {
    shift(member.key_id, offset);
    shift(member.value, offset);
  }
}

void shift(Document& document, std::uint32_t offset) {
  shift(document.root, offset);
  for (auto* value : {&document.api_version, &document.kind, &document.name, &document.namespace_})
    shift(value->node, offset);
}

void add_shifted(diag::Engine& all, const diag::Engine& part, std::uint32_t offset) {
  for (const diag::Diagnostic& diagnostic : part.all()) {
    if (all.exhausted()) return;
    diag::Diagnostic& copy = all.report(diagnostic.id, diagnostic.node, {});
    copy = diagnostic;
    shift(copy.node, offset);
    for (diag::Info& info : copy.infos) shift(info.node, offset);
  }
}

class Readers {
 public:
  Readers(const source::SourceMap& sources, std::span<const source::FileId> files,
          const ReadManyOptions& options)
      : sources_(sources), files_(files), options_(options), parts_(files.size()) {
    order_.resize(files.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    for (const source::FileId file : files) total_ += sources.text(file).size();
    // Long ones first, so that none is left for one thread at the end.
    std::ranges::stable_sort(order_, std::greater<>(),
                             [&](std::size_t i) { return sources.text(files[i]).size(); });
  }

  std::vector<Part>& run(unsigned workers) {
    std::vector<std::thread> others;
    for (unsigned i = 1; i < workers; ++i) others.emplace_back([this] { work(); });
    work();
    for (std::thread& thread : others) thread.join();
    if (failure_) std::rethrow_exception(failure_);
    return parts_;
  }

 private:
  void work() {
    try {
      for (std::size_t at = next_++; at < order_.size(); at = next_++) {
        Part& part = parts_[order_[at]];
        const source::FileId file = files_[order_[at]];
        part.documents =
            read_documents_apart(sources_, part.nodes, file, part.diagnostics, Limits{});
        const std::size_t size = sources_.text(file).size();
        const std::size_t done = done_ += size;
        if (options_.progress) options_.progress(done, total_);
      }
    } catch (...) {  // memory, at most
      next_ = order_.size();
      if (!failed_.exchange(true)) failure_ = std::current_exception();
    }
  }

  const source::SourceMap& sources_;
  std::span<const source::FileId> files_;
  const ReadManyOptions& options_;
  std::vector<Part> parts_;
  std::vector<std::size_t> order_;
  std::size_t total_ = 0;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::size_t> done_ = 0;
  std::atomic<bool> failed_ = false;
  std::exception_ptr failure_;
};

}  // namespace

std::vector<std::vector<Document>> read_many(source::SourceMap& sources,
                                             std::span<const source::FileId> files,
                                             diag::Engine& diagnostics,
                                             const ReadManyOptions& options) {
  std::vector<std::vector<Document>> out(files.size());
  const auto workers = static_cast<unsigned>(
      std::clamp<std::size_t>(files.size(), 1, std::max(options.workers, 1U)));
  Readers readers(sources, files, options);
  std::vector<Part>& parts = readers.run(workers);
  for (std::size_t i = 0; i < files.size() && !diagnostics.exhausted(); ++i) {
    const std::uint32_t offset = sources.add_nodes(parts[i].nodes);
    for (Document& document : parts[i].documents) shift(document, offset);
    add_shifted(diagnostics, parts[i].diagnostics, offset);
    out[i] = std::move(parts[i].documents);
    parts[i].nodes = {};
  }
  return out;
}

}  // namespace policyc::manifest
