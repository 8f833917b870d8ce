#pragma once
// Passes tested on text alone: IR in, IR out.

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "compiler/ir/printer.h"
#include "compiler/ir/verify.h"
#include "compiler/irtext/reader.h"
#include "compiler/passes/pass.h"

namespace policyc::passes::testing {

// IR with predicates app=a to app=d and an egress that is open. `ingress` is what stands below its
// header line; `after` is what stands before the directions.
inline std::string document(std::string_view stage, std::string_view ingress,
                            std::string_view head = "ingress enforced default deny",
                            std::string_view tables =
                                "predicate p0 = \"any:app=a\"\n"
                                "predicate p1 = \"any:app=b\"\n"
                                "predicate p2 = \"any:app=c\"\n"
                                "predicate p3 = \"any:app=d\"\n") {
  return "policyir 1 stage " + std::string(stage) + "\nendpoint \"ns/web\"\n" +
         std::string(tables) + std::string(head) + "\n" + std::string(ingress) +
         "egress open default allow\n";
}

inline ir::EndpointPolicy parse(std::string_view text) {
  auto policy = irtext::read(text);
  EXPECT_TRUE(policy.has_value()) << policy.error().message << "\n" << text;
  if (!policy) return {};
  for (const auto& violation : ir::verify(*policy))
    ADD_FAILURE() << violation.to_string() << "\n" << text;
  return *policy;
}

// The text after one pass; what the pass reported goes to `report`.
inline std::string run_on(std::string_view pass, std::string_view text, Report* report = nullptr) {
  ir::EndpointPolicy policy = parse(text);
  const Pass* found = find_pass(pass);
  if (found == nullptr || found->input != policy.stage) {
    ADD_FAILURE() << pass << " does not take this stage";
    return {};
  }
  Report own;
  Options options;
  options.verify_each = true;
  EXPECT_EQ(run_pass(*found, policy, report != nullptr ? *report : own, options), Outcome::Done)
      << (own.violations.empty() ? "" : own.violations.front());
  return ir::print(policy);
}

}  // namespace policyc::passes::testing
