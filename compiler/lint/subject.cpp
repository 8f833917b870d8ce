#include "compiler/lint/subject.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "compiler/passes/pass.h"

namespace policyc::lint {
namespace {

using policy::Direction;

// Every pass that may take a rule out, or join two.
std::vector<std::string> optional_passes() {
  std::vector<std::string> names;
  for (const passes::Pass& pass : passes::pipeline()) {
    if (!pass.required) names.emplace_back(pass.name);
  }
  return names;
}

struct Job {
  ir::Subject subject;
  std::vector<std::size_t> own;
};

std::vector<Job> jobs_of(const Model& model) {
  std::vector<Job> jobs;
  std::map<std::pair<std::string, bool>, std::size_t> known;
  const auto& entries = model.in().resolved.entries;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const policy::Entry& entry = entries[i];
    // A NetworkPolicy's subject has its namespace in the selector, a clusterwide one has none.
    const auto [at, fresh] = known.try_emplace(
        {entry.policy_namespace + "\n" + entry.subject.text, entry.subject_is_node}, jobs.size());
    if (fresh) {
      Job job;
      job.subject.selector = &entry.subject;
      job.subject.namespace_ = entry.policy_namespace;
      job.subject.kind =
          entry.subject_is_node ? policy::EndpointKind::Host : policy::EndpointKind::Pod;
      jobs.push_back(std::move(job));
    }
    jobs[at->second].own.push_back(i);
  }
  return jobs;
}

void name_rules(const Model& model, SubjectView& view) {
  for (std::size_t direction = 0; direction < 2; ++direction) {
    for (const ir::Rule& rule : view.policy.directions[direction].rules)
      view.rule_entries[direction].push_back(model.entry_of(rule.origin).value_or(kNoEntry));
  }
}

SubjectView build(const Model& model, const Job& job, const passes::Options& options) {
  SubjectView view;
  view.name = job.subject.selector->to_string();
  view.selector = job.subject.selector;
  view.namespace_ = job.subject.namespace_;
  view.is_node = job.subject.kind == policy::EndpointKind::Host;
  view.own = job.own;
  const auto candidates = model.candidates(job.subject.namespace_);
  std::vector<const policy::Entry*> applying;
  for (const policy::Entry* entry : candidates) {
    if (!ir::applies(*entry, job.subject)) continue;
    applying.push_back(entry);
    view.entries[static_cast<std::size_t>(entry->direction)].push_back(entry);
  }
  const ir::BuildInput input{model.in().resolved, model.in().read.cluster, false,
                             model.in().sources, &applying};
  // A port name has no number without an inventory: its
  // rule then lacks that port, and nothing is said about it.
  diag::Engine diagnostics;
  ir::Subject subject = job.subject;
  subject.name = view.name;
  view.policy = ir::build(input, subject, {model.in().agent, false}, diagnostics);
  for (const diag::Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.severity == diag::Severity::Error &&
        diagnostic.id != diag::Id::NamedPortNeedsInventory)
      view.conflicts.push_back(diagnostic);
  }
  view.compiled = view.conflicts.empty();
  passes::Report report;
  if (passes::run(view.policy, report, options) != passes::Outcome::Done) view.compiled = false;
  if (!view.compiled) return view;
  name_rules(model, view);
  find_redundant(model, view);
  find_voided(model, view);
  return view;
}

}  // namespace

void for_each_subject(const Model& model, unsigned workers,
                      const std::function<void(const SubjectView&, unsigned)>& visit,
                      const std::function<void(std::size_t, std::size_t)>& progress) {
  const std::vector<Job> jobs = jobs_of(model);
  passes::Options options;
  options.disabled = optional_passes();
  options.until = ir::Stage::Ranked;
  std::atomic<std::size_t> next = 0;
  std::atomic<std::size_t> done = 0;
  const auto work = [&](unsigned worker) {
    for (std::size_t i = next++; i < jobs.size(); i = next++) {
      visit(build(model, jobs[i], options), worker);
      const std::size_t count = ++done;
      if (progress) progress(count, jobs.size());
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned worker = 1; worker < workers; ++worker) threads.emplace_back(work, worker);
  work(0);
}

}  // namespace policyc::lint
