// The part of the tree builder that keeps anchors and expands aliases, under a budget.

#include <utility>

#include "compiler/manifest/tree_builder.h"

namespace policyc::manifest {
namespace {

std::size_t child_count(const Node& node) {
  return node.kind == NodeKind::Sequence ? node.items.size() : node.members.size();
}

}  // namespace

void TreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const std::size_t offset = offset_of(mark);
  check_place(mark, false);
  const Extent extent{offset, scan_.name_end(offset)};
  check_name(extent);
  last_end_ = extent.end;
  const Anchor& definition = anchor_at(anchor);
  if (definition.open)
    stop(diag::Id::RecursiveAlias, extent, "alias stands inside the node that it names");
  const Node* named = definition.scalar ? &*definition.scalar : node_at(definition.path);
  if (in_key_slot()) {
    if (named->kind != NodeKind::Scalar) {
      stop(diag::Id::UnsupportedKey, extent, std::string(type_name(*named)) + " as a mapping key");
    }
    const auto tag = named->type == ScalarType::String ? CoreTag::String : CoreTag::None;
    const Scalar scalar = resolve_scalar(named->text, tag).value_or(Scalar{});
    return add_key(scalar, scalar.as_key, extent, false);
  }
  alias_nodes_ += definition.weight.nodes;
  if (alias_nodes_ > context_.limits.max_alias_nodes) {
    stop(diag::Id::AliasExpansion, extent,
         "aliases of this document stand for more than " +
             std::to_string(context_.limits.max_alias_nodes) + " nodes");
  }
  if (frames_.size() + definition.weight.height > context_.limits.max_depth) {
    stop(diag::Id::NestingTooDeep, extent,
         "nesting is deeper than the limit of " + std::to_string(context_.limits.max_depth));
  }
  count_nodes(definition.weight.nodes, extent);
  Node copy = *named;
  copy.id = context_.add_node(extent);
  attach(std::move(copy), definition.weight);
}

TreeBuilder::Anchor& TreeBuilder::anchor_at(YAML::anchor_t anchor) {
  if (anchors_.size() <= anchor) anchors_.resize(anchor + 1);
  return anchors_[anchor];
}

void TreeBuilder::define_scalar_anchor(YAML::anchor_t anchor, const Node& scalar,
                                       const Weight& weight) {
  if (anchor == 0) return;
  Anchor& definition = anchor_at(anchor);
  definition = {};
  definition.scalar = scalar;
  definition.weight = weight;
}

std::vector<std::uint32_t> TreeBuilder::current_path() const {
  std::vector<std::uint32_t> path;
  path.reserve(frames_.size());
  for (const Frame& frame : frames_)
    path.push_back(static_cast<std::uint32_t>(child_count(frame.node)));
  return path;
}

// Unfinished collections are still frames, finished ones hang in them.
const Node* TreeBuilder::node_at(const std::vector<std::uint32_t>& path) const {
  const Node* node = &frames_.front().node;
  for (std::size_t depth = 0; depth < path.size(); ++depth) {
    const bool in_frame = depth < frames_.size() && node == &frames_[depth].node;
    if (in_frame && path[depth] == child_count(*node)) {
      node = &frames_[depth + 1].node;
    } else {
      node = node->kind == NodeKind::Sequence ? &node->items[path[depth]]
                                              : &node->members[path[depth]].value;
    }
  }
  return node;
}

}  // namespace policyc::manifest
