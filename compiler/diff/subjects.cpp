#include "compiler/diff/subjects.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "compiler/explain/world.h"
#include "compiler/ir/implication.h"
#include "compiler/policy/resolve_parts.h"

namespace policyc::diff {
namespace {

using policy::Entry;

// One side with what is looked up in it again and again.
class SideIndex {
 public:
  SideIndex(const explain::Model& model, const policy::AddressBook& book,
            const std::set<std::string>& changed)
      : model_(model), book_(book) {
    const Entry* last = nullptr;
    bool is_changed = false;
    for (const Entry& entry : model.resolved.entries) {
      by_namespace_[entry.policy_namespace].push_back(&entry);
      // Entries stand in the order of their objects.
      if (last == nullptr || policy::stands_before(last->origin, entry.origin))
        is_changed = changed.contains(entry.origin.object());
      last = &entry;
      if (is_changed) changed_[entry.policy_namespace].push_back(&entry);
    }
  }

  [[nodiscard]] const policy::AddressBook& book() const { return book_; }
  [[nodiscard]] const explain::Model& model() const { return model_; }

  [[nodiscard]] bool is_affected(const ir::Subject& subject) const {
    bool found = false;
    each(changed_, subject, [&found](const Entry&) { found = true; });
    return found;
  }

  // With the policy computed.
  [[nodiscard]] SubjectSide side(const ir::Subject& subject, policy::Endpoint endpoint,
                                 bool has_inventory) const {
    SubjectSide out;
    out.endpoint = std::move(endpoint);
    std::vector<const Entry*> entries;
    each(by_namespace_, subject, [&entries](const Entry& entry) { entries.push_back(&entry); });
    // In the order of the whole, which conflicts and names of ports depend on.
    std::sort(entries.begin(), entries.end());
    for (const Entry* entry : entries) out.own.entries.push_back(*entry);
    const explain::Model own{model_.cluster, out.own, model_.agent, model_.sources};
    out.policy = explain::subject_policy(
        own, {out.own, model_.cluster, has_inventory, model_.sources}, subject);
    return out;
  }

 private:
  using Entries = std::map<std::string, std::vector<const Entry*>>;

  static bool applies(const Entry& entry, const ir::Subject& subject) {
    if (entry.subject_is_node != (subject.kind == policy::EndpointKind::Host)) return false;
    return subject.labels != nullptr ? entry.subject.matches(*subject.labels)
                                     : ir::implies(*subject.selector, entry.subject);
  }

  template <class Visit>
  static void each(const Entries& entries, const ir::Subject& subject, Visit&& visit) {
    std::set<std::string> namespaces{std::string(), subject.namespace_};
    for (const std::string& name : namespaces) {
      const auto found = entries.find(name);
      if (found == entries.end()) continue;
      for (const Entry* entry : found->second) {
        if (applies(*entry, subject)) visit(*entry);
      }
    }
  }

  const explain::Model& model_;
  const policy::AddressBook& book_;
  Entries by_namespace_, changed_;
};

class Pairing {
 public:
  Pairing(const explain::Model& before, const explain::Model& after, const Books& books,
          const std::set<std::string>& changed, bool everybody, const Options& options,
          Report& report)
      : before_(before, books.before(), changed),
        after_(after, books.after(), changed),
        everybody_(everybody),
        same_cluster_(books.same_cluster()),
        options_(options),
        report_(report) {}

  std::vector<SubjectPair> run() {
    if (options_.has_inventory) {
      pair_endpoints();
    } else {
      pair_selectors();
    }
    return std::move(out_);
  }

 private:
  void pair_endpoints() {
    std::map<std::string, const policy::Endpoint*> old_ones;
    for (const policy::Endpoint& endpoint : before_.model().cluster.endpoints)
      old_ones.emplace(endpoint.full_name(), &endpoint);
    std::map<std::string, std::optional<std::size_t>> known;  // keys of both sides -> pair
    for (const policy::Endpoint& endpoint : after_.model().cluster.endpoints) {
      const std::string name = endpoint.full_name();
      const auto old_one = old_ones.find(name);
      if (old_one == old_ones.end()) {
        report_.only_after.push_back(name);
        continue;
      }
      const std::string key = explain::subject_key(endpoint, after_.book());
      const std::string old_key =
          same_cluster_ ? key : explain::subject_key(*old_one->second, before_.book());
      const auto [found, is_new] = known.try_emplace(old_key + "\n\n" + key);
      if (is_new) found->second = pair(*old_one->second, endpoint, old_key != key);
      if (found->second) out_[*found->second].names.push_back(name);
      old_ones.erase(old_one);
    }
    for (const auto& [name, endpoint] : old_ones) report_.only_before.push_back(name);
  }

  std::optional<std::size_t> pair(const policy::Endpoint& before, const policy::Endpoint& after,
                                  bool other_labels) {
    const policy::LabelSet old_labels = before_.book().subject_labels(before);
    const policy::LabelSet new_labels = after_.book().subject_labels(after);
    const ir::Subject old_one = explain::subject_of(before, old_labels);
    const ir::Subject new_one = explain::subject_of(after, new_labels);
    if (!everybody_ && !other_labels && !before_.is_affected(old_one) &&
        !after_.is_affected(new_one))
      return std::nullopt;
    out_.push_back({{}, before_.side(old_one, before, true), after_.side(new_one, after, true)});
    return out_.size() - 1;
  }

  void pair_selectors() {
    std::set<std::pair<std::string, bool>> seen;
    for (const SideIndex* side : {&after_, &before_}) {
      for (const ir::Subject& subject : ir::distinct_subjects(side->model().resolved)) {
        const bool is_node = subject.kind == policy::EndpointKind::Host;
        if (!seen.emplace(subject.selector->text, is_node).second) continue;
        if (!everybody_ && !before_.is_affected(subject) && !after_.is_affected(subject)) continue;
        policy::Endpoint endpoint;
        endpoint.kind = subject.kind;
        endpoint.namespace_ = subject.namespace_;
        endpoint.name = "policyc-diff-subject";
        out_.push_back({{subject.name},
                        before_.side(subject, endpoint, false),
                        after_.side(subject, endpoint, false)});
      }
    }
  }

  SideIndex before_, after_;
  bool everybody_;
  bool same_cluster_;  // so are the labels of endpoints
  const Options& options_;
  Report& report_;
  std::vector<SubjectPair> out_;
};

}  // namespace

Books::Books(const explain::Model& before, const explain::Model& after)
    : after_(after.cluster, no_prefixes_, after.agent) {
  if (!(before.cluster == after.cluster))
    before_.emplace(before.cluster, no_prefixes_, before.agent);
}

std::vector<SubjectPair> affected_subjects(const explain::Model& before,
                                           const explain::Model& after, const Books& books,
                                           const std::set<std::string>& changed, bool everybody,
                                           const Options& options, Report& report) {
  return Pairing(before, after, books, changed, everybody, options, report).run();
}

}  // namespace policyc::diff
