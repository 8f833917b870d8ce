#include "compiler/driver/compilation.h"

#include <algorithm>
#include <optional>

#include "compiler/driver/object_meta.h"
#include "compiler/driver/quoted_lines.h"
#include "compiler/ir/conflicts.h"
#include "compiler/ir/printer.h"
#include "compiler/policy/address_book.h"

namespace policyc::driver {

bool Compilation::parse(std::vector<InputText> policies, std::vector<InputText> inventory) {
  for (auto* texts : {&policies, &inventory}) {
    for (InputText& input : *texts) {
      const auto file = sources_.add_file(std::move(input.name), std::move(input.text));
      auto documents = manifest::read_documents(sources_, file, diagnostics_);
      std::move(documents.begin(), documents.end(), std::back_inserter(documents_));
    }
  }
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

void Compilation::add_shape(const ir::BuildInput& input, const ir::Subject& subject,
                            std::size_t index) {
  ir::BuildOptions build_options{options_.read.agent, options_.without_l7};
  const std::size_t errors = diagnostics_.error_count();
  ShapeUnit unit;
  unit.ir = ir::build(input, subject, build_options, diagnostics_);
  if (diagnostics_.error_count() != errors) return;
  const std::string user = unit.ir.subject;
  switch (run_passes(unit)) {
    case passes::Outcome::Done:
      break;
    case passes::Outcome::TooLarge:
      return refuse_large(user);
    case passes::Outcome::Broken:
      violations_.insert(violations_.end(), unit.report.violations.begin(),
                         unit.report.violations.end());
      return;
  }
  // The subject's name is not part of what is shared.
  if (options_.has_inventory) unit.ir.subject = "endpoints with this policy";
  unit.shape = ir::make_shape(unit.ir);
  for (const ir::DirectionShape& direction : unit.shape.directions) {
    if (!direction.emittable()) return refuse_large(user);
  }
  for (ShapeUnit& known : shapes_) {
    if (known.shape.hash == unit.shape.hash) {
      known.users.push_back(user);
      known.subjects.push_back(index);
      return;
    }
  }
  unit.users = {user};
  unit.subjects = {index};
  shapes_.push_back(std::move(unit));
}

// Once for a run: one large policy may select any number of subjects.
void Compilation::refuse_large(const std::string& subject) {
  if (ir::already_reported(diagnostics_, diag::Id::TooManyPortClasses, {})) return;
  diagnostics_
      .report(diag::Id::TooManyPortClasses, {},
              "the policies of " + diag::quoted(subject) +
                  " have too many rules for too many different ports")
      .help =
      "at most " + std::to_string(matrix::kMaxColumns) + " port classes fit into one program";
}

bool Compilation::build_shapes() {
  const ir::BuildInput input{resolved_, read_.cluster, options_.has_inventory, sources_};
  if (!options_.has_inventory) {
    std::size_t index = 0;
    for (const ir::Subject& subject : ir::distinct_subjects(resolved_))
      add_shape(input, subject, index++);
    return acceptable();
  }
  const policy::AddressBook book(read_.cluster, resolved_, options_.read.agent);
  std::size_t index = 0;
  for (const policy::Endpoint& endpoint : read_.cluster.endpoints) {
    const policy::LabelSet labels = book.subject_labels(endpoint);
    ir::Subject subject;
    subject.name = endpoint.full_name();
    subject.labels = &labels;
    subject.namespace_ = endpoint.namespace_;
    subject.kind = endpoint.kind;
    subject.ports = &endpoint.ports;
    add_shape(input, subject, index++);
  }
  // The order of the inventory must not show in what is written.
  for (ShapeUnit& unit : shapes_) std::sort(unit.users.begin(), unit.users.end());
  std::sort(shapes_.begin(), shapes_.end(), [](const ShapeUnit& a, const ShapeUnit& b) {
    return a.users.front() < b.users.front();
  });
  return acceptable();
}

namespace {

// The key of a shape's object; nothing when there is no cache to be asked.
std::optional<backend::CacheKey> cache_key(const ir::Shape& shape, const QuotedLines& quoted,
                                           const ShapeOptions& options) {
  if (options.cache == nullptr) return std::nullopt;
  auto key = backend::CacheKeyBuilder::start();
  if (!key) return std::nullopt;
  key->add("object of a shape").add(shape.hash);
  quoted.add_to(*key);
  return key->finish();
}

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
  CompiledObject result;
  const QuotedLines quoted(shape, sources);
  const auto key = cache_key(shape, quoted, options);
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
