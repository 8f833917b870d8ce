#include "compiler/driver/session_subjects.h"

#include <algorithm>

#include "compiler/driver/endpoint_shape.h"
#include "compiler/passes/pass.h"
#include "compiler/policy/resolve_parts.h"

namespace policyc::driver {
namespace {

ir::Subject subject_of(const SessionSubjects::Endpoint& endpoint) {
  ir::Subject subject;
  subject.name = endpoint.name;
  subject.labels = &endpoint.labels;
  subject.namespace_ = endpoint.namespace_;
  subject.kind = endpoint.kind;
  subject.ports = &endpoint.ports;
  return subject;
}

bool selects(const PolicyPart& part, const ir::Subject& subject) {
  return std::ranges::any_of(part.resolved.entries, [&](const policy::Entry& entry) {
    return ir::applies(entry, subject);
  });
}

bool in_order(const PolicyPart* a, const PolicyPart* b) {
  return policy::stands_before(a->origin, b->origin);
}

// What of a subject its shape depends on besides the entries that apply.
std::string own_part(const SessionSubjects::Endpoint& endpoint) {
  std::string key = endpoint.namespace_ + "\n" + std::to_string(static_cast<int>(endpoint.kind));
  // Reserved keys, whatever their source (ir/builder.cpp).
  for (const char* reserved : {"host", "init"})
    key += endpoint.labels.has_key(reserved) ? " +" : " -";
  for (const policy::NamedPort& port : endpoint.ports)
    key += "\n" + port.protocol + " " + std::to_string(port.port) + " " + port.name;
  return key;
}

// A table that could have to number more rows than it can, or a bit set in its place.
bool depends_on_peers(const ir::Shape& shape, std::size_t max_rows) {
  return std::ranges::any_of(shape.directions, [max_rows](const ir::DirectionShape& direction) {
    return direction.form == ir::Form::Bitset || may_exceed(direction, max_rows);
  });
}

// An object kept under this key is the one that compiling would give. Where this build cannot be
// told from another the key holds for this process alone.
std::string shape_key(const ir::Shape& shape, const QuotedLines& quoted) {
  if (const auto key = object_key(shape, quoted)) return key->hex();
  backend::CacheKeyBuilder key;
  key.add("shape").add(shape.hash);
  quoted.add_to(key);
  return key.finish().hex();
}

// The files at which the errors stand, with the places that explain them.
std::set<std::string> files_of_errors(const diag::Engine& diagnostics,
                                      const std::vector<const PolicyPart*>& parts,
                                      const source::SourceMap& sources) {
  std::set<source::FileId> places;
  for (const diag::Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.severity != diag::Severity::Error) continue;
    if (diagnostic.node.valid()) places.insert(sources.range(diagnostic.node).file);
    for (const diag::Info& info : diagnostic.infos) {
      if (info.node.valid()) places.insert(sources.range(info.node).file);
    }
  }
  std::set<std::string> files;
  for (const PolicyPart* part : parts) {
    const source::NodeId node = part->origin.node;
    if (places.empty() || (node.valid() && places.contains(sources.range(node).file)))
      files.insert(part->file);
  }
  return files;
}

}  // namespace

void SessionSubjects::follow(const SessionPolicies::Change& change) {
  std::set<const PolicyPart*> gone;
  for (const auto& part : change.gone) gone.insert(part.get());
  for (auto& [key, subject] : subjects_) {
    if (!gone.empty() && std::erase_if(subject.selected, [&](const PolicyPart* part) {
                           return gone.contains(part);
                         }) != 0)
      subject.current = false;
    const ir::Subject asked = subject_of(subject.endpoint);
    for (const PolicyPart* part : change.fresh) {
      if (!selects(*part, asked)) continue;
      subject.selected.insert(std::ranges::upper_bound(subject.selected, part, in_order), part);
      subject.current = false;
    }
  }
}

bool SessionSubjects::forget_forms(std::size_t max_rows) {
  bool any = false;
  for (auto& [key, subject] : subjects_) {
    const bool settled = subject.result && subject.result->shape &&
                         !depends_on_peers(subject.result->shape->shape, max_rows);
    if (settled) continue;
    subject.current = false;
    any = true;
  }
  return any;
}

const SessionSubjects::Subject& SessionSubjects::ensure(Endpoint endpoint,
                                                        const SubjectWorld& world) {
  std::string key = subject_key(subject_of(endpoint));
  const auto [found, is_new] = subjects_.try_emplace(std::move(key));
  Subject& subject = found->second;
  if (is_new) {
    subject.endpoint = std::move(endpoint);
    const ir::Subject asked = subject_of(subject.endpoint);
    std::ranges::copy_if(world.parts, std::back_inserter(subject.selected),
                         [&](const PolicyPart* part) { return selects(*part, asked); });
  }
  if (!subject.current) {
    subject.result = build(subject, world);
    subject.current = true;
  }
  subject.used = resolution_;
  return subject;
}

void SessionSubjects::end() {
  std::erase_if(subjects_, [this](const auto& item) { return item.second.used != resolution_; });
  built_.clear();
  std::erase_if(shapes_, [](const auto& item) { return item.second.expired(); });
}

std::shared_ptr<const SubjectResult> SessionSubjects::build(const Subject& subject,
                                                            const SubjectWorld& world) {
  const ir::Subject asked = subject_of(subject.endpoint);
  BuildKey key;
  for (const PolicyPart* part : subject.selected) {
    for (const policy::Entry& entry : part->resolved.entries) {
      if (ir::applies(entry, asked)) key.entries.push_back(&entry);
    }
  }
  key.subject = own_part(subject.endpoint);
  auto& known = built_[std::move(key)];
  if (!known) {
    std::vector<const policy::Entry*> entries;
    for (const PolicyPart* part : subject.selected) {
      for (const policy::Entry& entry : part->resolved.entries) entries.push_back(&entry);
    }
    known = std::make_shared<SubjectResult>(make(asked, subject, entries, world));
  }
  return known;
}

SubjectResult SessionSubjects::make(const ir::Subject& subject, const Subject& whose,
                                    const std::vector<const policy::Entry*>& entries,
                                    const SubjectWorld& world) {
  SubjectResult result;
  for (const PolicyPart* part : whose.selected) {
    if (!part->broken) continue;
    result.error += part->diagnostics;
    result.files.insert(part->file);
  }
  if (!result.error.empty()) return result;
  static const policy::Resolved kNothing;
  const ir::BuildInput input{kNothing, world.cluster, true, world.sources, &entries};
  diag::Engine diagnostics;
  ir::EndpointPolicy policy = ir::build(input, subject, {options_, false}, diagnostics);
  const auto give_up = [&] {
    result.error = result.diagnostics = diag::render_text(world.sources, diagnostics);
    result.files = files_of_errors(diagnostics, whose.selected, world.sources);
    return result;
  };
  if (diagnostics.has_errors()) return give_up();
  passes::Report report;
  switch (passes::run(policy, report)) {
    case passes::Outcome::Done:
      break;
    case passes::Outcome::TooLarge:
      report_large(subject.name, diagnostics);
      return give_up();
    case passes::Outcome::Broken:
      result.error = "internal error: " + (report.violations.empty() ? std::string("broken IR")
                                                                     : report.violations.front());
      for (const PolicyPart* part : whose.selected) result.files.insert(part->file);
      return result;
  }
  policy.subject = kSharedSubject;
  ir::Shape shape = fitting_shape(policy, {world.peers, world.max_rows}, subject.name, diagnostics);
  if (!emittable(shape)) {
    report_large(subject.name, diagnostics);
    return give_up();
  }
  result.diagnostics = diag::render_text(world.sources, diagnostics);
  QuotedLines quoted(shape, world.sources, world.files);
  std::string key = shape_key(shape, quoted);
  if (auto known = shapes_[key].lock()) {
    result.shape = std::move(known);
  } else {
    result.shape = std::make_shared<SessionShape>(key, std::move(shape), std::move(quoted));
    shapes_[key] = result.shape;
  }
  return result;
}

}  // namespace policyc::driver
