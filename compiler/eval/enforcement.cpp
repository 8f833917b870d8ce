#include "compiler/eval/enforcement.h"

namespace policyc::eval {

namespace {

bool applies(const policy::Entry& entry, const Subject& subject, policy::Direction direction) {
  return entry.direction == direction && entry.subject_is_node == subject.is_local_host &&
         (entry.policy_namespace.empty() || entry.policy_namespace == subject.namespace_) &&
         entry.subject.matches(subject.labels);
}

}  // namespace

Enforcement select_entries(const std::vector<const policy::Entry*>& entries, const Subject& subject,
                           policy::Direction direction, const policy::Options& options) {
  Enforcement out;
  // Both tests look at the key alone, whatever its source: a pod with a label `host` is taken for
  // the host.
  const bool unprotected_host = subject.labels.has_key("host") && !options.host_firewall;
  if (unprotected_host || options.enforcement == policy::Enforcement::Never) {
    return out;
  }
  for (const policy::Entry* entry : entries) {
    if (applies(*entry, subject, direction)) {
      out.entries.push_back(entry);
      out.default_deny = out.default_deny || entry->default_deny;
    }
  }
  out.enforced = !out.entries.empty();
  if (options.enforcement == policy::Enforcement::Always || subject.labels.has_key("init")) {
    out.enforced = true;
    out.default_deny = true;
  }
  return out;
}

}  // namespace policyc::eval
