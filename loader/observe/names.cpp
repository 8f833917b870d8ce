#include "loader/observe/names.h"

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/shapes.h"

namespace policyc::observe {
namespace {

// Whether a policy function was asked and decided.
bool policy_decided(const Event& event) {
  return !event.dropped || event.reason == DROP_POLICY_DEFAULT_DENY ||
         event.reason == DROP_POLICY_DENY || event.reason == DROP_L7_PROXY_UNAVAILABLE ||
         event.reason == DROP_AUTH_REQUIRED;
}

}  // namespace

void Names::refresh() {
  read_ = true;
  if (auto state = endpoint::read_state(paths_)) state_ = std::move(*state);
  for (const std::string& file : bpf::list(paths_.shape_files())) {
    const std::filesystem::path name(file);
    if (name.extension() != ".json") continue;
    // Shapes that were unloaded keep their names: their last events may still be in the ring.
    if (auto shape = endpoint::describe_shape(paths_, name.stem().string()))
      shapes_[shape->tag()] = std::move(*shape);
  }
}

const ir::Shape* Names::shape(std::uint32_t tag) {
  if (!read_ || !shapes_.contains(tag)) refresh();
  const auto found = shapes_.find(tag);
  return found == shapes_.end() ? nullptr : &found->second;
}

std::string Names::endpoint(const Event& event) {
  if (!read_ || state_.find_endpoint(event.endpoint_id) == nullptr) refresh();
  const endpoint::EndpointRecord* record = state_.find_endpoint(event.endpoint_id);
  if (record == nullptr) return "interface " + std::to_string(event.interface_index);
  return record->name.empty() ? record->interface : record->name;
}

std::string Names::labels(std::uint32_t identity) {
  if (!read_ || state_.find_identity(identity) == nullptr) refresh();
  const endpoint::IdentityRecord* record = state_.find_identity(identity);
  return record == nullptr ? std::string() : record->labels.to_string();
}

Cause Names::cause(const Event& event) {
  if (!policy_decided(event)) return {};
  const ir::Shape* known = shape(event.shape_tag);
  if (known == nullptr) return {};
  if (event.rule_id != 0) {
    const ir::Rule* rule = known->find_rule(event.direction, event.rule_id);
    return rule == nullptr ? Cause{event.rule_id, {}} : Cause{event.rule_id, {rule->origin}};
  }
  if (event.verdict == POLICY_DEFAULT_DENY)
    return {std::nullopt, known->directions[event.direction].default_deny_origins};
  return {};
}

}  // namespace policyc::observe
