#include <algorithm>

#include "compiler/manifest/document.h"

namespace policyc::manifest {

const Member* Node::find_member(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &Member::key);
  return found == members.end() ? nullptr : &*found;
}

const Node* Node::find(std::string_view key) const {
  const Member* member = find_member(key);
  return member == nullptr ? nullptr : &member->value;
}

std::string_view type_name(const Node& node) {
  if (node.kind == NodeKind::Mapping) return "mapping";
  if (node.kind == NodeKind::Sequence) return "sequence";
  switch (node.type) {
    case ScalarType::Null:
      return "null";
    case ScalarType::Bool:
      return "boolean";
    case ScalarType::Int:
      return "integer";
    case ScalarType::Float:
      return "number";
    case ScalarType::String:
      return "string";
  }
  return "null";
}

}  // namespace policyc::manifest
