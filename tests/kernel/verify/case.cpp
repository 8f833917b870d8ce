#include "tests/kernel/verify/case.h"

#include <optional>
#include <stdexcept>

#include "loader/testrun/object_programs.h"

namespace policyc::kernel_test {
namespace {

std::vector<driver::InputText> one_input(const std::string& name, std::string text) {
  if (text.empty()) return {};
  return {{name, std::move(text)}};
}

}  // namespace

VerifyCase::VerifyCase(std::string policies, std::string inventory)
    : VerifyCase(one_input("policy.yaml", std::move(policies)),
                 one_input("pods.yaml", std::move(inventory))) {}

VerifyCase::VerifyCase(std::vector<driver::InputText> policies,
                       std::vector<driver::InputText> inventory) {
  driver::CompileOptions options;
  options.has_inventory = !inventory.empty();
  compilation_ = std::make_unique<driver::Compilation>(options);
  if (!compilation_->parse(std::move(policies), std::move(inventory)) || !compilation_->resolve() ||
      !compilation_->build_shapes()) {
    throw std::runtime_error(
        diag::render_text(compilation_->sources(), compilation_->diagnostics()));
  }
}

verify::Model VerifyCase::model() const {
  return {compilation_->read().cluster, compilation_->resolved(),
          compilation_->options().read.agent, compilation_->sources()};
}

verify::Subject VerifyCase::subject(const driver::ShapeUnit& unit, std::size_t index) const {
  const std::size_t subject = unit.subjects.at(index);
  if (compilation_->options().has_inventory)
    return verify::inventory_subject(model(), model().cluster.endpoints.at(subject));
  return verify::synthetic_subject(model(),
                                   ir::distinct_subjects(compilation_->resolved()).at(subject));
}

verify::Report VerifyCase::verify(const driver::ShapeUnit& unit, const ir::Shape& shape,
                                  const verify::Program& program, std::size_t subject_index) const {
  auto report =
      verify::verify(model(), subject(unit, subject_index), shape, program, verify::Limits{});
  if (!report) throw std::runtime_error(report.error().message);
  return std::move(*report);
}

Result<backend::Bytes> build_object(const emit::Emitted& emitted) {
  auto compiled = backend::compile(emitted.file_name, emitted.text, backend::Output::Object);
  if (!compiled) return std::unexpected(compiled.error());
  for (const emit::Table& table : emitted.tables) {
    if (auto set = backend::set_rodata(compiled->output, table.variable, table.bytes); !set)
      return std::unexpected(set.error());
  }
  return std::move(compiled->output);
}

Result<verify::Report> verify_in_kernel(const VerifyCase& test, const driver::ShapeUnit& unit,
                                        const ir::Shape& rows, const ir::Shape& names,
                                        const backend::Bytes& object) {
  static std::optional<testrun::ObjectPrograms> programs;
  static std::size_t number = 0;
  constexpr std::size_t kPerDatapath = 50;
  if (number % kPerDatapath == 0) {
    programs.reset();
    auto created = testrun::ObjectPrograms::create();
    if (!created) return std::unexpected(created.error());
    programs.emplace(std::move(*created));
  }
  ir::Shape described = rows;
  described.hash += "#" + std::to_string(++number);  // mutants of one shape are different objects
  auto program = programs->load(described, object);
  if (!program) return std::unexpected(program.error());
  return test.verify(unit, names, *program);
}

std::string first_finding(const verify::Report& report) {
  if (report.findings.empty()) return "nothing found";
  const verify::Finding& finding = report.findings.front();
  return std::string(ir::direction_name(finding.question.direction)) + " protocol " +
         std::to_string(finding.question.protocol) + " port " +
         std::to_string(finding.question.port) + (finding.question.ipv6 ? " IPv6 " : " IPv4 ") +
         finding.peer + ": " + finding.problem + "; evaluator: " + finding.expected +
         "; program: " + finding.actual;
}

}  // namespace policyc::kernel_test
