#pragma once
// What is read without yaml-cpp against what yaml-cpp makes of it.

#include <string>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/manifest/document.h"
#include "compiler/source/source.h"

namespace policyc::manifest {

struct Trees {
  source::SourceMap sources;
  diag::Engine diagnostics;
  std::vector<Node> roots;
  std::string reported;
};

inline void read_trees_of(Trees& trees, const std::string& text, bool plain_readers) {
  Limits limits;
  limits.plain_readers = plain_readers;
  const auto file = trees.sources.add_file("text.yaml", text);
  trees.roots = read_trees(trees.sources, file, trees.diagnostics, limits);
  trees.reported = diag::render_text(trees.sources, trees.diagnostics);
}

inline bool same_place(const Trees& a, source::NodeId x, const Trees& b, source::NodeId y) {
  const source::Range& p = a.sources.range(x);
  const source::Range& q = b.sources.range(y);
  return x.value == y.value && p.begin == q.begin && p.end == q.end;
}

inline bool same_tree(const Trees& a, const Node& x, const Trees& b, const Node& y) {
  if (!same_place(a, x.id, b, y.id) || x.kind != y.kind || x.type != y.type || x.text != y.text ||
      x.items.size() != y.items.size() || x.members.size() != y.members.size())
    return false;
  for (std::size_t i = 0; i < x.items.size(); ++i) {
    if (!same_tree(a, x.items[i], b, y.items[i])) return false;
  }
  for (std::size_t i = 0; i < x.members.size(); ++i) {
    const Member& p = x.members[i];
    const Member& q = y.members[i];
    if (p.key != q.key || !same_place(a, p.key_id, b, q.key_id) ||
        !same_tree(a, p.value, b, q.value))
      return false;
  }
  return true;
}

inline bool readers_agree(const std::string& text) {
  Trees plain;
  read_trees_of(plain, text, true);
  Trees yaml;
  read_trees_of(yaml, text, false);
  if (plain.reported != yaml.reported || plain.roots.size() != yaml.roots.size()) return false;
  for (std::size_t i = 0; i < plain.roots.size(); ++i) {
    if (!same_tree(plain, plain.roots[i], yaml, yaml.roots[i])) return false;
  }
  return true;
}

}  // namespace policyc::manifest
