// Any bytes are documents with places in them, or diagnostics; what is read without yaml-cpp is
// what yaml-cpp makes of it.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "compiler/manifest/document.h"
#include "tests/unit/manifest/readers_agree.h"

namespace {

using namespace policyc;

void require(bool good) {
  if (!good) std::abort();
}

void look_at(const source::SourceMap& sources, source::FileId file, const manifest::Node& node) {
  const source::Range& range = sources.range(node.id);
  require(range.file == file && range.begin <= range.end);
  for (const manifest::Node& item : node.items) look_at(sources, file, item);
  for (const manifest::Member& member : node.members) {
    const source::Range& key = sources.range(member.key_id);
    require(key.file == file && key.begin <= key.end);
    look_at(sources, file, member.value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  source::SourceMap sources;
  diag::Engine diagnostics;
  const auto file = sources.add_file("fuzz.yaml", text);
  for (const auto& document : manifest::read_documents(sources, file, diagnostics)) {
    require(document.root.is_mapping() && !document.kind.value.empty());
    look_at(sources, file, document.root);
  }
  require(diag::render_text(sources, diagnostics).empty() == diagnostics.all().empty());
  require(manifest::readers_agree(text));
  return 0;
}
