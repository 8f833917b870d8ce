// The verdict matrices agree with the evaluator on every atom of every subject of every scenario:
// the subtle cases, the conformance vectors, random clusters.
#include <filesystem>
#include <iostream>
#include <sstream>

#include <gtest/gtest.h>

#include "compiler/passes/pass.h"
#include "compiler/policy/address_book.h"
#include "compiler/scenario/scenario.h"
#include "compiler/verify/verify.h"
#include "tests/fuzz/generate.h"
#include "tests/unit/eval/scenario_file.h"

namespace policyc {
namespace {

// What `policyc compile` makes of an endpoint; nothing when its policy cannot be computed.
std::optional<ir::Shape> shape_of(const scenario::Case& item, const scenario::Prepared& prepared,
                                  const policy::Endpoint& endpoint) {
  const policy::AddressBook book(item.cluster, prepared.resolved(), item.options);
  const policy::LabelSet labels = book.subject_labels(endpoint);
  const ir::BuildInput input{prepared.resolved(), item.cluster, true, prepared.sources()};
  ir::Subject subject;
  subject.name = endpoint.full_name();
  subject.labels = &labels;
  subject.namespace_ = endpoint.namespace_;
  subject.kind = endpoint.kind;
  subject.ports = &endpoint.ports;
  diag::Engine diagnostics;
  ir::EndpointPolicy policy = ir::build(input, subject, {item.options, false}, diagnostics);
  if (diagnostics.has_errors()) return std::nullopt;
  passes::Report report;
  EXPECT_EQ(passes::run(policy, report), passes::Outcome::Done);
  return ir::make_shape(policy);
}

verify::Program matrix_of(const ir::Shape& shape) {
  return [&shape](const policy::LabelSet& peer, std::span<const verify::Question> questions) {
    std::vector<Result<std::uint32_t>> answers;
    for (const auto& q : questions)
      answers.emplace_back(shape.decide(q.direction, peer, q.protocol, q.port));
    return Result<std::vector<Result<std::uint32_t>>>(std::move(answers));
  };
}

struct Total {
  std::size_t cases = 0, subjects = 0, atoms = 0, left_out = 0, stricter = 0, found = 0;
};

// Verifies each subject of the case; the first finding of each is a failure.
void verify_case(const scenario::Case& item, Total& total) {
  const scenario::Prepared prepared(item, item.id);
  const verify::Model model{item.cluster, prepared.resolved(), item.options, prepared.sources()};
  ++total.cases;
  for (const policy::Endpoint& endpoint : item.cluster.endpoints) {
    const auto shape = shape_of(item, prepared, endpoint);
    if (!shape) continue;
    verify::Limits limits;
    limits.max_peers = 512;  // what is beyond is counted
    const auto report = verify::verify(model, verify::inventory_subject(model, endpoint), *shape,
                                       matrix_of(*shape), limits);
    ASSERT_TRUE(report.has_value());
    ++total.subjects;
    total.atoms += report->atoms;
    total.left_out += report->left_out;
    total.stricter += report->stricter;
    total.found += report->found;
    if (report->agrees()) continue;
    const verify::Finding& finding = report->findings.front();
    ADD_FAILURE() << item.id << " " << report->subject << ": " << report->found << " findings; "
                  << ir::direction_name(finding.question.direction) << " protocol "
                  << int{finding.question.protocol} << " port " << finding.question.port << " "
                  << finding.peer << ": " << finding.problem
                  << "\n  evaluator: " << finding.expected << "\n  matrix: " << finding.actual;
  }
}

void print(const char* what, const Total& total) {
  std::cout << what << ": " << total.cases << " cases, " << total.subjects << " subjects, "
            << total.atoms << " atoms, " << total.stricter << " stricter, " << total.left_out
            << " kinds of peers left out\n";
}

TEST(VerifyMatrix, SubtleCases) {
  Total total;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(POLICYC_TESTDATA) + "/subtle")) {
    if (entry.path().extension() != ".yaml") continue;
    const auto cases =
        scenario::read_cases(entry.path().string(), test::read_text(entry.path().string()));
    ASSERT_TRUE(cases.has_value()) << cases.error().message;
    for (const scenario::Case& item : *cases) verify_case(item, total);
  }
  print("subtle", total);
  EXPECT_GT(total.subjects, 200U);
}

TEST(VerifyMatrix, ConformanceVectors) {
  std::istringstream lines(
      test::read_gzip(std::string(POLICYC_TESTDATA) + "/conformance/policy.jsonl.gz"));
  constexpr std::size_t kEvery = 4;
  Total total;
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    if (number++ % kEvery != 0) continue;
    const auto item = scenario::read_case(line);
    ASSERT_TRUE(item.has_value()) << item.error().message;
    verify_case(*item, total);
  }
  print("conformance", total);
  EXPECT_GT(total.subjects, 20U);
}

TEST(VerifyMatrix, RandomClusters) {
  Total total;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    scenario::Case item = fuzz::generate(seed);
    item.id = "seed " + std::to_string(seed);
    verify_case(item, total);
  }
  print("random", total);
  EXPECT_GT(total.subjects, 30U);
}

}  // namespace
}  // namespace policyc
