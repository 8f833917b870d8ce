#include "compiler/manifest/tree_builder.h"

#include <algorithm>
#include <utility>

#include "compiler/manifest/merge.h"
#include "compiler/support/check.h"

namespace policyc::manifest {
namespace {

constexpr std::size_t kTextPerNode = 256;     // bytes of a scalar that count as one node more
constexpr std::size_t kMaxKeyWarnings = 100;  // in one file

Node make_scalar(const Scalar& scalar, source::NodeId id) {
  Node node;
  node.type = scalar.type;
  node.text = scalar.text;
  node.id = id;
  return node;
}

}  // namespace

TreeBuilder::TreeBuilder(ReadContext& context, std::string_view text, const Extent& part,
                         bool is_json)
    : context_(context),
      scan_(text, part),
      base_(part.begin),
      is_json_(is_json),
      last_end_(part.begin) {}

std::optional<Node> TreeBuilder::take_root() {
  std::optional<Node> root = std::exchange(root_, std::nullopt);
  if (!root || failed_) return std::nullopt;
  if (!apply_merges(*root, merge_keys_, context_.diagnostics)) return std::nullopt;
  return root;
}

void TreeBuilder::OnDocumentStart(const YAML::Mark& mark) {
  const std::size_t offset = offset_of(mark);
  const bool next_json_value = is_json_ && scan_.at(offset) == '{';
  if (document_count_ > 0 && !next_json_value) {
    stop(diag::Id::MissingSeparator, {offset, scan_.line_end(offset)},
         "text after the end of the document",
         "check the indentation; a further document starts with a line `---`");
  }
  check_gap(offset);
  ++document_count_;
  failed_ = false;
  root_.reset();
  frames_.clear();
  anchors_.clear();
  alias_nodes_ = 0;
  merge_keys_.clear();
}

void TreeBuilder::OnDocumentEnd() {}

void TreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           const std::string& yaml_value) {
  const std::size_t offset = offset_of(mark);
  check_place(mark, false);
  const auto properties = scan_.properties(offset);
  if (properties.anchor) check_name(*properties.anchor);
  const auto [extent, value, plain] = scalar_text(properties, offset, yaml_value);
  last_end_ = extent.end;
  if (value.size() > context_.limits.max_scalar_bytes) {
    stop(diag::Id::ScalarTooLarge, extent,
         "scalar of " + std::to_string(value.size()) + " bytes is over the limit of " +
             std::to_string(context_.limits.max_scalar_bytes));
  }
  CoreTag core = core_tag(tag, properties);
  if (core == CoreTag::None && !plain) core = CoreTag::String;
  auto scalar = resolve_scalar(value, core);
  if (!scalar) {
    error(diag::Id::TagMismatch, extent, "value " + diag::quoted(value) + " does not fit its tag");
    scalar = resolve_scalar(value, CoreTag::String);
  }
  count_nodes(1, extent);
  const Weight weight{1 + value.size() / kTextPerNode, 0};
  if (in_key_slot()) {
    add_key(*scalar, value, extent, plain);
    define_scalar_anchor(anchor, make_scalar(*scalar, frames_.back().key.id), weight);
    return;
  }
  if (!scalar->finite) {
    error(diag::Id::NotANumber, extent, "value " + diag::quoted(value) + " has no form in JSON")
        .help = "quote it if a string is meant";
  }
  Node node = make_scalar(*scalar, context_.add_node(extent));
  define_scalar_anchor(anchor, node, weight);
  attach(std::move(node), weight);
}

void TreeBuilder::add_key(const Scalar& scalar, const std::string& written, const Extent& extent,
                          bool plain) {
  const source::NodeId id = context_.add_node(extent);
  if (scalar.type == ScalarType::Null) {
    error(diag::Id::UnsupportedKey, extent, "null as a mapping key").help =
        "quote the key if a string is meant";
  } else if (scalar.as_key != written && context_.converted_keys < kMaxKeyWarnings) {
    ++context_.converted_keys;
    auto& warning = context_.report(
        diag::Id::ConvertedKey, extent,
        "key " + diag::quoted(written) + " means " + diag::quoted(scalar.as_key) + " in YAML 1.1");
    warning.help = "quote the key; kubectl sends " + diag::quoted(scalar.as_key);
  }
  if (plain && written == "<<") merge_keys_.insert(id);
  set_key(scalar.as_key, extent, id);
}

void TreeBuilder::set_key(std::string text, const Extent& extent, source::NodeId id) {
  Frame& frame = frames_.back();
  if (frame.node.members.empty() && !frame.has_bracket) frame.range = extent;
  frame.key = {std::move(text), id, extent, true};
}

void TreeBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const std::size_t offset = offset_of(mark);
  const std::size_t content = anchor != 0 ? scan_.properties(offset).content : offset;
  const auto word_end = offset >= last_end_ ? scan_.null_word_end(content) : std::nullopt;
  if (in_key_slot()) {
    const Extent extent{content, scan_.word_end(content)};
    error(diag::Id::UnsupportedKey, extent, "null as a mapping key").help =
        "quote the key if a string is meant";
    last_end_ = std::max(last_end_, extent.end);
    set_key({}, extent, context_.add_node(extent));
    return;
  }
  if (!word_end) return add_absent_null(mark, anchor);
  check_place(mark, false);
  const Extent extent{content, *word_end};
  last_end_ = extent.end;
  count_nodes(1, extent);
  Node node;
  node.id = context_.add_node(extent);
  define_scalar_anchor(anchor, node, {1, 0});
  attach(std::move(node), {1, 0});
}

void TreeBuilder::add_absent_null(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const std::size_t offset = offset_of(mark);
  Extent extent;
  if (anchor != 0) {
    check_place(mark, false);
    const auto properties = scan_.properties(offset);
    if (properties.anchor) check_name(*properties.anchor);
    extent = {offset, properties.end};
    last_end_ = extent.end;
  } else {
    // YAML 1.1 has no empty item between commas.
    const std::size_t place = absent_value_offset();
    if (!frames_.empty() && frames_.back().flow && frames_.back().node.kind == NodeKind::Sequence) {
      stop(diag::Id::YamlSyntax, {place, place}, "expected a value before `,`");
    }
    extent = {place, place};
  }
  count_nodes(1, extent);
  Node node;
  node.id = context_.add_node(extent);
  define_scalar_anchor(anchor, node, {1, 0});
  attach(std::move(node), {1, 0});
}

void TreeBuilder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                                  YAML::anchor_t anchor, YAML::EmitterStyle::value style) {
  start_collection(NodeKind::Sequence, mark, tag, anchor, style);
}

void TreeBuilder::OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                             YAML::EmitterStyle::value style) {
  start_collection(NodeKind::Mapping, mark, tag, anchor, style);
}

void TreeBuilder::start_collection(NodeKind kind, const YAML::Mark& mark, const std::string& tag,
                                   YAML::anchor_t anchor, YAML::EmitterStyle::value style) {
  const std::size_t offset = offset_of(mark);
  check_place(mark, kind == NodeKind::Sequence && style == YAML::EmitterStyle::Block);
  const auto properties = scan_.properties(offset);
  // A block collection without properties of its own starts where its first key does, with that
  // key's properties.
  const bool own_properties = anchor != 0 || tag != "?";
  const std::size_t begin = own_properties ? properties.content : offset;
  if (own_properties) {
    last_end_ = properties.end;
    if (properties.anchor) check_name(*properties.anchor);
  }
  check_collection_tag(kind, tag, properties);
  const Extent token{begin, std::min(begin + 1, scan_.end())};
  if (in_key_slot()) {
    stop(diag::Id::UnsupportedKey, token,
         std::string(kind == NodeKind::Mapping ? "mapping" : "sequence") + " as a mapping key");
  }
  if (frames_.size() >= context_.limits.max_depth) {
    stop(diag::Id::NestingTooDeep, token,
         "nesting is deeper than the limit of " + std::to_string(context_.limits.max_depth));
  }
  count_nodes(1, token);

  const char bracket = kind == NodeKind::Mapping ? '{' : '[';
  Frame frame;
  frame.node.kind = kind;
  constexpr std::size_t kUsual = 4;  // members of most mappings, or fewer
  if (kind == NodeKind::Mapping) frame.node.members.reserve(kUsual);
  frame.flow = style == YAML::EmitterStyle::Flow;
  frame.has_bracket = frame.flow && scan_.at(begin) == bracket;
  frame.indent = frame.flow ? -1 : static_cast<int>(scan_.indent_of(begin));
  frame.range = token;
  frame.weight.nodes = 1;
  frame.anchor = anchor;
  if (anchor != 0) {
    Anchor& definition = anchor_at(anchor);
    definition = {};
    definition.open = true;
    definition.path = current_path();
  }
  if (frame.has_bracket) {
    check_gap(begin);
    last_end_ = begin + 1;
  }
  frames_.push_back(std::move(frame));
}

void TreeBuilder::OnSequenceEnd() { end_collection(); }
void TreeBuilder::OnMapEnd() { end_collection(); }

void TreeBuilder::end_collection() {
  POLICYC_CHECK(!frames_.empty());
  close_flow(frames_.back());
  Frame frame = std::move(frames_.back());
  frames_.pop_back();
  frame.node.id = context_.add_node(frame.range);
  if (!context_.check_duplicate_keys(frame.node)) {
    failed_ = true;
    if (context_.diagnostics.exhausted()) throw StopReading{};
  }
  const Weight weight{frame.weight.nodes, frame.weight.height + 1};
  if (frame.anchor != 0) {
    Anchor& anchor = anchor_at(frame.anchor);
    anchor.open = false;
    anchor.weight = weight;
  }
  attach(std::move(frame.node), weight);
}

void TreeBuilder::attach(Node node, const Weight& weight) {
  if (frames_.empty()) {
    root_ = std::move(node);
    return;
  }
  Frame& frame = frames_.back();
  frame.weight.nodes += weight.nodes;
  frame.weight.height = std::max(frame.weight.height, weight.height);
  if (frame.node.kind == NodeKind::Sequence) {
    frame.node.items.push_back(std::move(node));
    return;
  }
  POLICYC_CHECK(frame.key.pending);
  frame.key.pending = false;
  frame.node.members.push_back({std::move(frame.key.text), frame.key.id, std::move(node)});
}

bool TreeBuilder::in_key_slot() const {
  return !frames_.empty() && frames_.back().node.kind == NodeKind::Mapping &&
         !frames_.back().key.pending;
}

void TreeBuilder::count_nodes(std::size_t nodes, const Extent& extent) {
  context_.node_count += nodes;
  if (context_.node_count > context_.limits.max_nodes) {
    stop(diag::Id::TooManyNodes, extent,
         "file has more than " + std::to_string(context_.limits.max_nodes) + " nodes");
  }
}

diag::Diagnostic& TreeBuilder::error(diag::Id id, const Extent& extent, std::string message) {
  failed_ = true;
  if (context_.diagnostics.exhausted()) throw StopReading{};
  return context_.report(id, extent, std::move(message));
}

void TreeBuilder::stop(diag::Id id, const Extent& extent, std::string message, std::string help) {
  failed_ = true;
  context_.report(id, extent, std::move(message)).help = std::move(help);
  throw StopReading{};
}

}  // namespace policyc::manifest
