#include "cli/document_tree.h"

namespace policyc::cli {
namespace {

class Tree {
 public:
  explicit Tree(const source::SourceMap& sources) : sources_(sources) {}

  void document(const manifest::Document& document) {
    out_ += document.kind.value + " " +
            (document.namespace_.value.empty() ? "" : document.namespace_.value + "/") +
            document.name.value + "  " + sources_.name(document.file) + "\n";
    node(document.root, 1);
  }

  std::string take() { return std::move(out_); }

 private:
  std::string place(source::NodeId id) const {
    if (!id.valid()) return "";
    const auto& range = sources_.range(id);
    return "  @" + std::to_string(range.begin.line) + ":" + std::to_string(range.begin.column);
  }

  void node(const manifest::Node& value, int depth) {
    const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
    switch (value.kind) {
      case manifest::NodeKind::Scalar:
        break;
      case manifest::NodeKind::Sequence:
        for (const auto& item : value.items) {
          out_ += indent + "-" + scalar(item) + place(item.id) + "\n";
          node(item, depth + 1);
        }
        break;
      case manifest::NodeKind::Mapping:
        for (const auto& member : value.members) {
          out_ += indent + member.key + place(member.key_id) + ":" + scalar(member.value);
          if (member.value.kind == manifest::NodeKind::Scalar) out_ += place(member.value.id);
          out_ += "\n";
          node(member.value, depth + 1);
        }
        break;
    }
  }

  static std::string scalar(const manifest::Node& value) {
    if (value.kind != manifest::NodeKind::Scalar) return "";
    return value.is_string() ? " \"" + value.text + "\""
                             : " " + (value.is_null() ? "null" : value.text);
  }

  const source::SourceMap& sources_;
  std::string out_;
};

}  // namespace

std::string document_tree(const std::vector<manifest::Document>& documents,
                          const source::SourceMap& sources) {
  Tree tree(sources);
  for (const auto& document : documents) tree.document(document);
  return tree.take();
}

}  // namespace policyc::cli
