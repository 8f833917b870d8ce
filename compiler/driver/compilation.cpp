#include "compiler/driver/compilation.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "compiler/driver/endpoint_shape.h"
#include "compiler/driver/object_meta.h"
#include "compiler/driver/quoted_lines.h"
#include "compiler/ir/printer.h"
#include "compiler/policy/address_book.h"

namespace policyc::driver {

bool Compilation::parse(std::vector<InputText> policies, std::vector<InputText> inventory) {
  std::vector<source::FileId> files;
  for (auto* texts : {&policies, &inventory}) {
    for (InputText& input : *texts)
      files.push_back(sources_.add_file(std::move(input.name), std::move(input.text)));
  }
  for (auto& documents : manifest::read_many(sources_, files, diagnostics_,
                                             {options_.parse_workers, options_.parse_progress}))
    std::move(documents.begin(), documents.end(), std::back_inserter(documents_));
  read_ = policy::read_documents(documents_, options_.read, diagnostics_);
  return acceptable();
}

bool Compilation::has_known_bugs() const {
  constexpr unsigned kFirst = 500;
  constexpr unsigned kLast = 599;
  return std::any_of(diagnostics_.all().begin(), diagnostics_.all().end(),
                     [](const diag::Diagnostic& diagnostic) {
                       const auto number = static_cast<unsigned>(diagnostic.id);
                       return number >= kFirst && number <= kLast;
                     });
}

bool Compilation::acceptable() const {
  return violations_.empty() && !diagnostics_.has_errors() &&
         !(options_.strict && has_known_bugs());
}

bool Compilation::resolve() {
  resolved_ = policy::resolve(read_.policies, read_.cluster, options_.read.agent, diagnostics_);
  return acceptable();
}

passes::Outcome Compilation::run_passes(ShapeUnit& unit) {
  passes::Options options = options_.passes;
  const auto& wanted = options_.dump_after;
  if (!wanted.empty()) {
    options.after = [&](std::string_view name, const ir::EndpointPolicy& policy) {
      const bool dumped = std::any_of(wanted.begin(), wanted.end(), [name](const auto& one) {
        return one == "all" || one == name;
      });
      if (dumped) unit.dumps.emplace_back(name, ir::print(policy));
    };
  }
  return passes::run(unit.ir, unit.report, options);
}

std::optional<std::size_t> Compilation::add_shape(const ir::BuildInput& input,
                                                  const ir::Subject& subject, std::size_t index) {
  ir::BuildOptions build_options{options_.read.agent, options_.without_l7};
  const std::size_t errors = diagnostics_.error_count();
  ShapeUnit unit;
  unit.ir = ir::build(input, subject, build_options, diagnostics_);
  if (diagnostics_.error_count() != errors) return std::nullopt;
  const std::string user = unit.ir.subject;
  switch (run_passes(unit)) {
    case passes::Outcome::Done:
      break;
    case passes::Outcome::TooLarge:
      report_large(user, diagnostics_);
      return std::nullopt;
    case passes::Outcome::Broken:
      violations_.insert(violations_.end(), unit.report.violations.begin(),
                         unit.report.violations.end());
      return std::nullopt;
  }
  // The subject's name is not part of what is shared.
  if (options_.has_inventory) unit.ir.subject = kSharedSubject;
  unit.shape = fitting_shape(
      unit.ir, {[this]() -> const auto& { return peers_; }, options_.max_rows}, user, diagnostics_);
  if (!emittable(unit.shape)) {
    report_large(user, diagnostics_);
    return std::nullopt;
  }
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    if (shapes_[i].shape.hash != unit.shape.hash) continue;
    shapes_[i].users.push_back(user);
    shapes_[i].subjects.push_back(index);
    return i;
  }
  unit.users = {user};
  unit.subjects = {index};
  shapes_.push_back(std::move(unit));
  return shapes_.size() - 1;
}

bool Compilation::build_shapes() {
  const ir::BuildInput input{resolved_, read_.cluster, options_.has_inventory, sources_};
  if (!options_.has_inventory) {
    std::size_t index = 0;
    for (const ir::Subject& subject : ir::distinct_subjects(resolved_))
      (void)add_shape(input, subject, index++);
    return acceptable();
  }
  const policy::AddressBook book(read_.cluster, resolved_, options_.read.agent);
  std::set<policy::LabelSet> peers;
  for (const auto& entry : book.entries()) peers.insert(entry.labels);
  peers_.assign(peers.begin(), peers.end());
  // The replicas of a workload have one policy: it is built once.
  std::map<std::string, std::size_t> known;
  std::size_t index = 0;
  for (const policy::Endpoint& endpoint : read_.cluster.endpoints) {
    const policy::LabelSet labels = book.subject_labels(endpoint);
    ir::Subject subject;
    subject.name = endpoint.full_name();
    subject.labels = &labels;
    subject.namespace_ = endpoint.namespace_;
    subject.kind = endpoint.kind;
    subject.ports = &endpoint.ports;
    const std::string key = subject_key(subject);
    if (const auto found = known.find(key); found != known.end()) {
      shapes_[found->second].users.push_back(subject.name);
      shapes_[found->second].subjects.push_back(index++);
    } else if (const auto shape = add_shape(input, subject, index++)) {
      known.emplace(key, *shape);
    }
  }
  // The order of the inventory must not show in what is written.
  for (ShapeUnit& unit : shapes_) std::sort(unit.users.begin(), unit.users.end());
  std::sort(shapes_.begin(), shapes_.end(), [](const ShapeUnit& a, const ShapeUnit& b) {
    return a.users.front() < b.users.front();
  });
  return acceptable();
}

namespace {

// An object of the cache, if it holds one that can be read.
bool take_cached(const std::optional<backend::CacheKey>& key, const ShapeOptions& options,
                 CompiledObject& result) {
  auto object = key ? options.cache->get(*key) : std::nullopt;
  auto info = object ? backend::inspect(*object) : fail("no object");
  if (!info) return false;
  result.cached = true;
  result.object = std::move(*object);
  result.info = std::move(*info);
  return true;
}

}  // namespace

Result<CompiledObject> compile_shape(const ir::Shape& shape, const source::SourceMap& sources,
                                     const ShapeOptions& options) {
  return compile_shape(shape, QuotedLines(shape, sources), options);
}

Result<CompiledObject> compile_shape(const ir::Shape& shape, const QuotedLines& quoted,
                                     const ShapeOptions& options) {
  CompiledObject result;
  std::optional<backend::CacheKey> key;
  if (options.cache != nullptr) {
    if (auto known = object_key(shape, quoted)) key = std::move(*known);
  }
  if (take_cached(key, options, result)) return result;
  result.emitted = emit::emit(shape);
  auto compiled = backend::compile(result.emitted.file_name, result.emitted.text,
                                   backend::Output::Object, quoted.texts());
  if (!compiled)
    return fail(compiled.error().message + "\nwhile compiling\n" + result.emitted.text);
  backend::Bytes policy_object = std::move(compiled->output);
  for (const emit::Table& table : result.emitted.tables) {
    if (auto set = backend::set_rodata(policy_object, table.variable, table.bytes); !set)
      return std::unexpected(set.error());
  }
  auto object = write_meta(policy_object, shape);
  if (!object) return std::unexpected(object.error());
  result.object = std::move(*object);
  auto info = backend::inspect(result.object);
  if (!info) return std::unexpected(info.error());
  result.info = std::move(*info);
  if (key) (void)options.cache->put(*key, result.object);
  return result;
}

}  // namespace policyc::driver
