#include "compiler/manifest/kubernetes.h"

#include <string>
#include <utility>

namespace policyc::manifest {
namespace {

using source::Located;

constexpr std::string_view kListSuffix = "List";

std::string has_type(const std::string& what, const Node& node, const std::string& expected) {
  return what + " has type " + std::string(type_name(node)) + "; expected " + expected;
}

class Splitter {
 public:
  Splitter(source::FileId file, diag::Engine& diagnostics, const TakeDocument& take)
      : file_(file), diagnostics_(diagnostics), take_(take) {}

  void add(Node root) {
    if (!root.is_mapping()) {
      refuse(diag::Id::NotAnObject, root.id,
             std::string(type_name(root)) + " where a Kubernetes object belongs");
      return;
    }
    const auto api_version = required_string(root, "apiVersion", diag::Id::InvalidApiVersion);
    const auto kind = required_string(root, "kind", diag::Id::InvalidKind);
    if (!api_version.node.valid() || !kind.node.valid()) return;
    if (kind.value.ends_with(kListSuffix) && root.find("items") != nullptr) {
      add_items(std::move(root), kind.value);
      return;
    }
    Document document{file_, {}, api_version, kind, {}, {}};
    if (!read_metadata(root, document)) return;
    document.root = std::move(root);
    take_(std::move(document));
  }

 private:
  // A missing or unusable one is reported and gives an invalid node.
  Located<std::string> required_string(const Node& root, std::string_view key, diag::Id id) {
    const Member* member = root.find_member(key);
    if (member == nullptr || member->value.is_null()) {
      refuse(id, member == nullptr ? root.id : member->key_id,
             "object has no `" + std::string(key) + "`");
      return {};
    }
    if (!member->value.is_string()) {
      refuse(id, member->value.id,
             has_type("`" + std::string(key) + "`", member->value, "a string"));
      return {};
    }
    if (member->value.text.empty()) {
      refuse(id, member->value.id, "`" + std::string(key) + "` is empty");
      return {};
    }
    return {member->value.text, member->value.id};
  }

  // As the API machinery does it, items without apiVersion and kind take them from the list:
  // PodList gives Pod.
  void add_items(Node list, const std::string& list_kind) {
    Member* items = nullptr;
    for (Member& member : list.members) {
      if (member.key == "items") items = &member;
    }
    if (items->value.is_null()) return;
    if (!items->value.is_sequence()) {
      refuse(diag::Id::InvalidList, items->value.id,
             has_type("`items`", items->value, "a sequence"));
      return;
    }
    const std::string item_kind = list_kind.substr(0, list_kind.size() - kListSuffix.size());
    for (Node& item : items->value.items) {
      if (!item.is_mapping()) {
        refuse(diag::Id::InvalidList, item.id, has_type("list item", item, "a mapping"));
        continue;
      }
      const bool untyped = item.find("kind") == nullptr && item.find("apiVersion") == nullptr;
      if (untyped && !item_kind.empty()) {
        item.members.push_back(*list.find_member("apiVersion"));
        Member kind = *list.find_member("kind");
        kind.value.text = item_kind;
        item.members.push_back(std::move(kind));
      }
      add(std::move(item));
    }
  }

  bool read_metadata(const Node& root, Document& document) {
    const Member* metadata = root.find_member("metadata");
    if (metadata == nullptr || metadata->value.is_null()) return true;
    if (!metadata->value.is_mapping()) {
      refuse(diag::Id::InvalidMetadata, metadata->value.id,
             has_type("`metadata`", metadata->value, "a mapping"));
      return false;
    }
    const bool name = read_name(metadata->value, "name", document.name);
    const bool name_space = read_name(metadata->value, "namespace", document.namespace_);
    return name && name_space;
  }

  bool read_name(const Node& metadata, std::string_view key, Located<std::string>& out) {
    const Node* value = metadata.find(key);
    if (value == nullptr || value->is_null()) return true;
    if (!value->is_string()) {
      refuse(diag::Id::InvalidMetadata, value->id,
             has_type("`metadata." + std::string(key) + "`", *value, "a string"));
      return false;
    }
    out = {value->text, value->id};
    return true;
  }

  void refuse(diag::Id id, source::NodeId node, std::string message) {
    diagnostics_.report(id, node, std::move(message)).refused_by = diag::RefusedBy::ApiServer;
  }

  source::FileId file_;
  diag::Engine& diagnostics_;
  const TakeDocument& take_;
};

}  // namespace

void take_documents(Node root, source::FileId file, diag::Engine& diagnostics,
                    const TakeDocument& take) {
  if (root.is_null()) return;
  Splitter(file, diagnostics, take).add(std::move(root));
}

}  // namespace policyc::manifest
