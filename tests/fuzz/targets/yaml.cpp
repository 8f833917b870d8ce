// Any bytes are documents with places in them, or diagnostics; what is read without yaml-cpp is what
// yaml-cpp makes of it.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "compiler/manifest/document.h"

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

bool equal(const source::Range& a, const source::Range& b) {
  return a.begin == b.begin && a.end == b.end;
}

struct Trees {
  source::SourceMap sources;
  diag::Engine diagnostics;
  std::vector<manifest::Node> roots;
  std::string reported;
};

bool equal(const Trees& a, const manifest::Node& x, const Trees& b, const manifest::Node& y) {
  if (!equal(a.sources.range(x.id), b.sources.range(y.id)) || x.kind != y.kind ||
      x.type != y.type || x.text != y.text || x.items.size() != y.items.size() ||
      x.members.size() != y.members.size())
    return false;
  for (std::size_t i = 0; i < x.items.size(); ++i) {
    if (!equal(a, x.items[i], b, y.items[i])) return false;
  }
  for (std::size_t i = 0; i < x.members.size(); ++i) {
    const manifest::Member& p = x.members[i];
    const manifest::Member& q = y.members[i];
    if (p.key != q.key || !equal(a.sources.range(p.key_id), b.sources.range(q.key_id)) ||
        !equal(a, p.value, b, q.value))
      return false;
  }
  return true;
}

void read(Trees& trees, const std::string& text, bool plain_readers) {
  manifest::Limits limits;
  limits.plain_readers = plain_readers;
  const auto file = trees.sources.add_file("fuzz.yaml", text);
  trees.roots = manifest::read_trees(trees.sources, file, trees.diagnostics, limits);
  trees.reported = diag::render_text(trees.sources, trees.diagnostics);
}

void compare_readers(const std::string& text) {
  Trees plain;
  read(plain, text, true);
  Trees yaml;
  read(yaml, text, false);
  require(plain.reported == yaml.reported && plain.roots.size() == yaml.roots.size());
  for (std::size_t i = 0; i < plain.roots.size(); ++i)
    require(equal(plain, plain.roots[i], yaml, yaml.roots[i]));
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
  compare_readers(text);
  return 0;
}
