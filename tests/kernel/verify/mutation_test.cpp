// Verification finds wrong code: compilers with one mistake each, and every mistake must show.
#include <algorithm>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "compiler/ir/form.h"
#include "tests/kernel/verify/case.h"
#include "tests/kernel/verify/equivalent.h"
#include "tests/kernel/verify/mutants.h"

namespace policyc::kernel_test {
namespace {

struct MutationCase {
  std::string name;
  std::string policies;
  bool bitset = false;                          // tables as bit sets of rules
  std::optional<ir::Form> form = std::nullopt;  // of ingress, where the case is there for it
  friend void PrintTo(const MutationCase& test, std::ostream* out) { *out << test.name; }
};

std::string cnp(const std::string& spec) {
  return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
         "metadata: {name: p, namespace: shop}\nspec:\n"
         "  endpointSelector: {matchLabels: {app: web}}\n" +
         spec;
}

std::string cnp2(const std::string& spec) {
  return "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
         "metadata: {name: q, namespace: shop}\nspec:\n"
         "  endpointSelector: {matchLabels: {app: web}}\n" +
         spec;
}

std::vector<MutationCase> written_cases() {
  return {
      {"Compares", cnp(R"(
  ingress:
  - fromEndpoints: [{matchLabels: {app: a}}]
    toPorts: [{ports: [{port: "8000", endPort: 8100, protocol: TCP}]}]
  egress:
  - toEndpoints: [{matchLabels: {app: b}}]
    toPorts: [{ports: [{port: "53", protocol: UDP}]}]
  egressDeny:
  - toEndpoints: [{matchLabels: {tier: bad}}]
    toPorts: [{ports: [{port: "50", endPort: 60, protocol: UDP}]}]
)"),
       false, ir::Form::Compares},
      {"Ranges", cnp(R"(
  ingress:
  - fromEndpoints: [{matchLabels: {app: a}}]
    toPorts: [{ports: [{port: "8000", endPort: 8100, protocol: TCP}, {port: "53", protocol: UDP}]}]
  ingressDeny:
  - fromEndpoints: [{matchLabels: {app: a, tier: bad}}]
    toPorts: [{ports: [{port: "8050", protocol: TCP}]}]
)")},
      {"Table", cnp(R"(
  ingress:
  - fromEndpoints: [{matchLabels: {app: a}}]
    toPorts: [{ports: [{port: "80", protocol: TCP}, {port: "443", protocol: TCP}]}]
  - fromEndpoints: [{matchLabels: {app: b}}]
    toPorts: [{ports: [{port: "1000", endPort: 2000, protocol: TCP}]}]
  - fromEndpoints: [{matchLabels: {app: c}}]
    toPorts: [{ports: [{port: "53", protocol: UDP}, {port: "132", protocol: SCTP}]}]
  - fromEndpoints: [{matchLabels: {app: d}}]
  - toPorts: [{ports: [{port: "9000", endPort: 9999, protocol: TCP}]}]
  - icmps: [{fields: [{type: 8, family: IPv4}]}]
)") + cnp2(R"(
  ingressDeny:
  - fromEndpoints: [{matchExpressions: [{key: tier, operator: In, values: [bad, worse]}]}]
    toPorts: [{ports: [{port: "9500", endPort: 9600, protocol: TCP}, {port: "1500", protocol: TCP}]}]
)")},
      {"Prefixes", cnp(R"(
  egress:
  - toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.96.0.0/12]}, {cidr: "fd00::/8"}]
    toPorts: [{ports: [{port: "443", protocol: TCP}]}]
  - toCIDR: [10.1.2.3/32]
    toPorts: [{ports: [{port: "123", protocol: UDP}]}]
  egressDeny:
  - toCIDR: [10.1.0.0/16]
    toPorts: [{ports: [{port: "400", endPort: 500, protocol: TCP}]}]
)")},
      {"Layer7", cnp(R"(
  ingress:
  - fromEndpoints: [{matchLabels: {app: a}}]
    toPorts:
    - ports: [{port: "80", protocol: TCP}]
      rules: {http: [{method: GET, path: /public}]}
  - fromEndpoints: [{matchLabels: {tier: b}}]
    toPorts: [{ports: [{port: "80", protocol: TCP}]}]
  egress:
  - toEndpoints: [{matchLabels: {app: dns}}]
    toPorts:
    - ports: [{port: "53", protocol: UDP}]
      rules: {dns: [{matchPattern: "*.example.com"}]}
  - toEndpoints: [{}]
    toPorts: [{ports: [{port: "53", protocol: UDP}]}]
  - toFQDNs: [{matchName: www.example.com}, {matchPattern: "*.example.org"}]
    toPorts: [{ports: [{port: "443", protocol: TCP}]}]
)")},
      {"Entities", cnp(R"(
  ingress:
  - fromEntities: [cluster]
    toPorts: [{ports: [{port: "9100", protocol: TCP}]}]
  - fromEntities: [health]
  egress:
  - toEntities: [kube-apiserver]
    toPorts: [{ports: [{port: "6443", protocol: TCP}]}]
  - toEntities: [world]
    toPorts: [{ports: [{port: "443", protocol: TCP}]}]
  egressDeny:
  - toEntities: [remote-node]
    toPorts: [{ports: [{port: "6000", endPort: 7000, protocol: TCP}]}]
)")},
      {"Constant", cnp(R"(
  ingress: [{}]
  egress:
  - toEntities: [all]
)")},
      {"Authentication", cnp(R"(
  ingress:
  - fromEndpoints: [{matchLabels: {app: a}}]
    authentication: {mode: required}
    toPorts: [{ports: [{port: "80", protocol: TCP}]}]
  - fromEndpoints: [{matchLabels: {app: b}}]
    toPorts: [{ports: [{port: "80", protocol: TCP}]}]
)")},
  };
}

std::vector<MutationCase> mutation_cases() {
  std::vector<MutationCase> cases = written_cases();
  for (const MutationCase& item : written_cases()) {
    if (item.name == "Table" || item.name == "Layer7")
      cases.push_back({item.name + "AsBitset", item.policies, true, ir::Form::Bitset});
  }
  return cases;
}

// How many mutants there were, and what became of them.
struct Tally {
  std::size_t killed = 0;
  std::size_t refused = 0;     // could not be loaded
  std::size_t equivalent = 0;  // no atom differs
  std::vector<std::string> survived;

  void print(const std::string& name, const std::string& kind) const {
    std::cout << name << ": " << kind << ": " << killed << " of " << killed + survived.size()
              << " mutants killed, " << refused << " more not loadable, " << equivalent
              << " without effect\n";
  }
};

class VerifyMutants : public ::testing::TestWithParam<MutationCase> {
 protected:
  VerifyMutants()
      : test_(GetParam().policies), unit_(test_.units().at(0)), shape_(shape_of(unit_.ir)) {
    if (test_.units().size() != 1) throw std::runtime_error("one subject is expected");
  }

  static ir::Shape shape_of(ir::EndpointPolicy policy) {
    if (GetParam().bitset) ir::prefer_form(policy, ir::Form::Bitset);
    return ir::make_shape(policy);
  }

  void finish(const Tally& tally, const std::string& kind) const {
    tally.print(GetParam().name, kind);
    EXPECT_GT(tally.killed, 0U);
    for (const std::string& mutant : tally.survived) ADD_FAILURE() << "survived: " << mutant;
  }

  VerifyCase test_;
  const driver::ShapeUnit& unit_;
  ir::Shape shape_;
};

TEST_P(VerifyMutants, TheUnchangedProgramIsRight) {
  if (const auto form = GetParam().form) {
    EXPECT_EQ(ir::form_name(shape_.directions[0].form), ir::form_name(*form));
  }
  const auto object = build_object(emit::emit(shape_));
  ASSERT_TRUE(object.has_value());
  const auto report = verify_in_kernel(test_, unit_, shape_, shape_, *object);
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_EQ(report->found, 0U) << first_finding(*report);
}

// Mistakes before emission: description and code are equally wrong. The matrix answers for the
// code.
TEST_P(VerifyMutants, MistakesInTheIrAreFound) {
  Tally tally;
  for (const IrMutant& mutant : ir_mutants(unit_.ir)) {
    const ir::Shape shape = shape_of(mutant.policy);
    const auto report = test_.verify(
        unit_, shape,
        [&shape](const policy::LabelSet& peer, std::span<const verify::Question> questions) {
          std::vector<Result<std::uint32_t>> answers;
          for (const auto& q : questions)
            answers.emplace_back(shape.decide(q.direction, peer, q.protocol, q.port));
          return Result<std::vector<Result<std::uint32_t>>>(std::move(answers));
        });
    if (!report.agrees()) {
      ++tally.killed;
    } else if (is_equivalent(test_.model(), unit_.ir, mutant.policy)) {
      ++tally.equivalent;
    } else {
      tally.survived.push_back(mutant.what);
    }
  }
  finish(tally, "IR");
}

constexpr std::uint8_t kProtocols[] = {1, 2, 6, 17, 47, 58, 112, 132};

bool same_program(const emit::Emitted& a, const emit::Emitted& b) {
  return code_of(a.text) == code_of(b.text) &&
         std::equal(a.tables.begin(), a.tables.end(), b.tables.begin(), b.tables.end(),
                    [](const emit::Table& left, const emit::Table& right) {
                      return left.bytes == right.bytes;
                    });
}

bool same_cells(const ir::Shape& a, const ir::Shape& b) {
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const auto& left = a.directions[direction].matrix;
    const auto& right = b.directions[direction].matrix;
    if (left.rules() != right.rules() || left.fallback() != right.fallback()) return false;
  }
  return true;
}

// Proof that code of `wrong` decides as that of `right` over the cells of `right`: the C is the
// same, and wherever a port leads to another cell, that is one of the padding, which is default
// deny, and no rule of `right` is for the port.
bool reads_equal_cells(const ir::Shape& wrong, const ir::Shape& right) {
  if (code_of(emit::emit(wrong).text) != code_of(emit::emit(right).text)) return false;
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const ir::DirectionShape& a = wrong.directions[direction];
    const ir::DirectionShape& b = right.directions[direction];
    if (a.decisions != b.decisions || a.form != b.form) return false;
    for (const std::uint8_t protocol : kProtocols) {
      for (unsigned port = 0; port <= 0xffff; ++port) {
        const auto read = a.matrix.column_of(protocol, static_cast<std::uint16_t>(port));
        const auto meant = b.matrix.column_of(protocol, static_cast<std::uint16_t>(port));
        const bool is_padding = b.form == ir::Form::Table && read >= b.matrix.column_count() &&
                                read < b.padded_columns();
        if (read != meant && !(is_padding && b.matrix.column_rules(meant).empty())) return false;
      }
    }
  }
  return true;
}

// Mistakes of emission or of the loader: the description is right, and the code or the content of
// the maps is not.
TEST_P(VerifyMutants, MistakesInCodeOrMapsAreFound) {
  Tally tally;
  const emit::Emitted right = emit::emit(shape_);
  const auto right_object = build_object(right);
  ASSERT_TRUE(right_object.has_value());
  for (const IrMutant& mutant : ir_mutants(unit_.ir)) {
    // What a description makes of its predicates is not up to the object.
    if (mutant.policy.predicates != unit_.ir.predicates) continue;
    const ir::Shape shape = shape_of(mutant.policy);
    const emit::Emitted wrong = emit::emit(shape);
    const bool same_code = same_program(wrong, right);
    if (same_code && same_cells(shape, shape_)) continue;  // only the description is wrong
    const auto object = same_code ? right_object : build_object(wrong);
    ASSERT_TRUE(object.has_value()) << mutant.what << ": " << object.error().message;
    const auto report = verify_in_kernel(test_, unit_, same_code ? shape : shape_, shape_, *object);
    if (!report) {
      ++tally.refused;
    } else if (!report->agrees()) {
      ++tally.killed;
    } else if (is_equivalent(test_.model(), unit_.ir, mutant.policy) ||
               (!same_code && reads_equal_cells(shape, shape_))) {
      ++tally.equivalent;
    } else {
      tally.survived.push_back(mutant.what + (same_code ? " (maps)" : " (code)"));
    }
  }
  finish(tally, "code or maps");
}

TEST_P(VerifyMutants, MistakesInTheTextAreFound) {
  Tally tally;
  const emit::Emitted right = emit::emit(shape_);
  for (const TextMutant& mutant : text_mutants(right)) {
    if (code_of(mutant.emitted.text) == code_of(right.text)) {
      ++tally.equivalent;
      continue;
    }
    const auto object = build_object(mutant.emitted);
    ASSERT_TRUE(object.has_value()) << mutant.what << ": " << object.error().message;
    const auto report = verify_in_kernel(test_, unit_, shape_, shape_, *object);
    if (!report) {
      ++tally.refused;
    } else if (report->agrees()) {
      tally.survived.push_back(mutant.what);
    } else {
      ++tally.killed;
    }
  }
  finish(tally, "text");
}

INSTANTIATE_TEST_SUITE_P(Policies, VerifyMutants, ::testing::ValuesIn(mutation_cases()),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace policyc::kernel_test
