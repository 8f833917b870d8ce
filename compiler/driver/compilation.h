#pragma once
// One run of the compiler: the phases in order, each filling its result. Pure: bytes in, values and
// diagnostics out.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compiler/backend/backend.h"
#include "compiler/backend/cache.h"
#include "compiler/diag/diag.h"
#include "compiler/driver/inputs.h"
#include "compiler/emit/emit.h"
#include "compiler/ir/builder.h"
#include "compiler/ir/shape.h"
#include "compiler/manifest/document.h"
#include "compiler/passes/pass.h"
#include "compiler/policy/entry.h"
#include "compiler/policy/reader.h"
#include "compiler/source/source.h"

namespace policyc::driver {

struct CompileOptions {
  policy::ReadOptions read;
  unsigned parse_workers = 1;  // threads that read manifests
  // Bytes of manifests that were read, of how many; from any of the threads.
  std::function<void(std::size_t done, std::size_t total)> parse_progress;
  bool without_l7 = false;
  bool has_inventory = false;  // compile one program for each endpoint of the inventory
  bool strict = false;         // refuse policies that meet a known bug of Cilium (PC05xx)
  passes::Options passes;
  // More rows than this, over the inventory, do not fit into a table (ir::kMaxRows).
  std::size_t max_rows = ir::kMaxRows;
  std::vector<std::string> dump_after;  // names of passes, or "all": keep the IR's text after them
};

// One shape and the endpoints (or the subject selector) that share it.
struct ShapeUnit {
  ir::EndpointPolicy ir;
  ir::Shape shape;
  std::vector<std::string> users;  // sorted
  // Whose they are: indices into the cluster's endpoints, or into ir::distinct_subjects().
  std::vector<std::size_t> subjects;
  // Of the first user: what passes took out, and for each pass of dump_after its name and the text.
  passes::Report report;
  std::vector<std::pair<std::string, std::string>> dumps;
};

struct CompiledObject {
  bool cached = false;    // the bytes come from the cache
  emit::Emitted emitted;  // empty when cached
  backend::Bytes object;
  backend::ObjectInfo info;
};

struct ShapeOptions {
  backend::ObjectCache* cache = nullptr;  // asked first, and given what was compiled
};

// Emits and compiles one shape: its two policy programs, their maps and the description; `sources`
// holds the manifests that its rules name, for line information. Errors of clang here are bugs of
// policyc: the text holds the C. Equal shapes whose rules' lines read the same give equal bytes,
// with a cache or without one. Thread-safe while `sources` does not change.
[[nodiscard]] Result<CompiledObject> compile_shape(const ir::Shape& shape,
                                                   const source::SourceMap& sources,
                                                   const ShapeOptions& options = {});
class QuotedLines;
// The same, with the lines read before.
[[nodiscard]] Result<CompiledObject> compile_shape(const ir::Shape& shape,
                                                   const QuotedLines& quoted,
                                                   const ShapeOptions& options = {});

class Compilation {
 public:
  explicit Compilation(CompileOptions options) : options_(std::move(options)) {}

  // Each phase needs the one before it. They return false when errors make the next phase
  // pointless.
  bool parse(std::vector<InputText> policies, std::vector<InputText> inventory);
  bool resolve();
  bool build_shapes();

  [[nodiscard]] const std::vector<manifest::Document>& documents() const { return documents_; }
  [[nodiscard]] const policy::ReadResult& read() const { return read_; }
  [[nodiscard]] const policy::Resolved& resolved() const { return resolved_; }
  // With an inventory in the order of their first users, else in the order of the policies.
  [[nodiscard]] const std::vector<ShapeUnit>& shapes() const { return shapes_; }
  [[nodiscard]] const source::SourceMap& sources() const { return sources_; }
  [[nodiscard]] diag::Engine& diagnostics() { return diagnostics_; }
  // What the verifier found after a pass: a bug of policyc. Nothing may be used then.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  // Some policy meets a known bug of Cilium that changes a verdict.
  [[nodiscard]] bool has_known_bugs() const;
  [[nodiscard]] const CompileOptions& options() const { return options_; }

 private:
  // The place of the subject's shape in shapes_; nothing when there is none, and reported.
  std::optional<std::size_t> add_shape(const ir::BuildInput& input, const ir::Subject& subject,
                                       std::size_t index);
  [[nodiscard]] passes::Outcome run_passes(ShapeUnit& unit);
  [[nodiscard]] bool acceptable() const;

  CompileOptions options_;
  source::SourceMap sources_;
  diag::Engine diagnostics_;
  std::vector<manifest::Document> documents_;
  policy::ReadResult read_;
  policy::Resolved resolved_;
  std::vector<policy::LabelSet> peers_;  // of the inventory, each once
  std::vector<ShapeUnit> shapes_;
  std::vector<std::string> violations_;
};

}  // namespace policyc::driver
