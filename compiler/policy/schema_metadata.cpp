#include <algorithm>

#include "compiler/policy/read_node.h"
#include "compiler/policy/schema_rules.h"
#include "compiler/policy/text_format.h"

namespace policyc::policy {
namespace {

using diag::Id;
using manifest::Node;

constexpr std::size_t kMaxAnnotationBytes = 256U << 10U;

void check_name(const Node& metadata, Refusals& refusals) {
  const LocatedString name = read_string(metadata, "name");
  const LocatedString prefix = read_string(metadata, "generateName");
  if (name.value.empty()) {
    if (prefix.value.empty()) {
      refusals.add(Id::MissingName, name.node, "the object has no name", "missing-name").help =
          "add `metadata.name`";
      return;
    }
    std::string_view shape = prefix.value;
    if (shape.ends_with('-')) shape.remove_suffix(1);
    if (auto error = check_dns_subdomain(shape)) {
      refusals.add(
          Id::InvalidName, prefix.node,
          in_backticks(prefix.value) + " is not the beginning of a name: it " + error->reason);
    }
    return;
  }
  if (auto error = check_dns_subdomain(name.value)) {
    auto& diagnostic =
        refusals.add(Id::InvalidName, name.node,
                     in_backticks(name.value) + " is not a name: it " + error->reason);
    std::string likely = ascii_lower(name.value);
    std::ranges::replace(likely, '_', '-');
    if (!check_dns_subdomain(likely))
      diagnostic.help = "did you mean " + in_backticks(likely) + "?";
  }
}

void check_labels(const Node& metadata, Refusals& refusals) {
  for (const MatchLabel& label : read_string_map(metadata, "labels", NullReading::Empty)) {
    if (auto error = check_qualified_name(label.key.value)) {
      refusals.add(Id::InvalidMetadataKey, label.key.node,
                   "label key " + in_backticks(label.key.value) + " " + error->reason);
    }
    if (auto error = check_label_value(label.value.value)) {
      refusals.add(Id::InvalidMetadataValue, label.value.node,
                   "label value " + in_backticks(label.value.value) + " " + error->reason);
    }
  }
}

void check_annotations(const Node& metadata, Refusals& refusals) {
  std::size_t bytes = 0;
  for (const MatchLabel& annotation :
       read_string_map(metadata, "annotations", NullReading::Empty)) {
    bytes += annotation.key.value.size() + annotation.value.value.size();
    if (auto error = check_qualified_name(ascii_lower(annotation.key.value))) {
      refusals.add(Id::InvalidMetadataKey, annotation.key.node,
                   "annotation key " + in_backticks(annotation.key.value) + " " + error->reason);
    }
  }
  if (bytes > kMaxAnnotationBytes) {
    refusals.add(Id::InvalidMetadataValue, key_place(metadata, "annotations"),
                 "the annotations have " + std::to_string(bytes) + " bytes, at most " +
                     std::to_string(kMaxAnnotationBytes) + " are allowed");
  }
}

}  // namespace

void check_metadata(const manifest::Document& document, Refusals& refusals) {
  const Node* metadata = present(document.root, "metadata");
  if (metadata == nullptr || !metadata->is_mapping()) {
    refusals.add(Id::MissingName, document.root.id, "the object has no name", "missing-name").help =
        "add `metadata.name`";
    return;
  }
  check_name(*metadata, refusals);
  const bool clusterwide = document.kind.value == "CiliumClusterwideNetworkPolicy" ||
                           document.kind.value == "CiliumCIDRGroup";
  const LocatedString name_space = read_string(*metadata, "namespace");
  if (clusterwide && !name_space.value.empty()) {
    refusals.warn(Id::NamespaceIgnored, name_space.node,
                  in_backticks(document.kind.value) + " is cluster-wide: namespace " +
                      in_backticks(name_space.value) + " has no effect");
  } else if (!clusterwide && !name_space.value.empty()) {
    if (auto error = check_dns_label(name_space.value)) {
      refusals.add(
          Id::InvalidName, name_space.node,
          in_backticks(name_space.value) + " is not a namespace name: it " + error->reason);
    }
  }
  check_labels(*metadata, refusals);
  check_annotations(*metadata, refusals);
}

}  // namespace policyc::policy
