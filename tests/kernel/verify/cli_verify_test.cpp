// `policyc verify`: exit codes, objects compiled before, and what is printed.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/golden.h"
#include "tests/unit/driver/process.h"

namespace policyc {
namespace {

using ::testing::HasSubstr;
using testing::run_policyc;

constexpr const char* kPolicy = R"(apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: api}}
  ingress:
  - fromEndpoints: [{matchLabels: {app: web}}]
    toPorts: [{ports: [{port: "443", protocol: TCP}]}]
)";

class CliVerify : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    const auto path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }

  // A folder with the objects of a policy.
  std::string compile(const std::string& policy, const std::string& name) {
    const std::string out = (folder_ / name).string();
    EXPECT_EQ(run_policyc({"compile", policy, "-o", out}).exit_code, 0);
    return out;
  }

  static std::string only_object(const std::string& folder) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".o") return entry.path().string();
    }
    return {};
  }

  testing::TemporaryFolder folder_;
};

TEST_F(CliVerify, ARightObjectAgrees) {
  const std::string policy = write("policy.yaml", kPolicy);
  const auto fresh = run_policyc({"verify", policy});
  EXPECT_EQ(fresh.exit_code, 0) << fresh.out << fresh.err;
  EXPECT_THAT(fresh.out, HasSubstr("agrees"));
  EXPECT_THAT(fresh.out, HasSubstr(" 0 findings"));
  const std::string objects = compile(policy, "objects");
  EXPECT_EQ(run_policyc({"verify", policy, "--object", objects}).exit_code, 0);
  EXPECT_EQ(run_policyc({"verify", policy, "--object", only_object(objects)}).exit_code, 0);
}

TEST_F(CliVerify, AnObjectOfAnotherFormIsVerifiedAsThatForm) {
  std::string text = kPolicy;
  for (const char* port : {"444", "445", "446"}) {
    text += std::string("  - toPorts: [{ports: [{port: \"") + port + "\", protocol: TCP}]}]\n";
  }
  const std::string policy = write("policy.yaml", text);
  const std::string objects = (folder_ / "bitset").string();
  ASSERT_EQ(run_policyc({"compile", policy, "--form=bitset", "-o", objects}).exit_code, 0);
  const auto right = run_policyc({"verify", policy, "--form=bitset", "--object", objects});
  EXPECT_EQ(right.exit_code, 0) << right.out << right.err;
  EXPECT_EQ(run_policyc({"verify", policy, "--object", objects}).exit_code, 1);
}

TEST_F(CliVerify, AnObjectOfOtherPoliciesIsAFinding) {
  const std::string policy = write("policy.yaml", kPolicy);
  std::string text = kPolicy;
  text.replace(text.find("443"), 3, "444");
  const std::string objects = compile(write("other.yaml", text), "objects");
  const auto result = run_policyc({"verify", policy, "--object", objects});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("which is none of these policies"));
  EXPECT_THAT(result.out, HasSubstr("no object for"));
}

// The description is right, and the bytes of the code are not: where an instruction has 443 for an
// operand, it has 444.
TEST_F(CliVerify, ChangedCodeIsAFinding) {
  const std::string policy = write("policy.yaml", kPolicy);
  const std::string object = only_object(compile(policy, "objects"));
  std::string bytes = testing::read_file(object);
  const std::string immediate("\xbb\x01\x00\x00", 4);  // 443, little endian
  std::size_t changed = 0;
  for (std::size_t at = bytes.find(immediate); at != std::string::npos;
       at = bytes.find(immediate, at + 1)) {
    const auto opcode =
        static_cast<unsigned char>(bytes.at(at - 4));  // four bytes before its operand
    constexpr unsigned char kXor = 0xa7, kXor32 = 0xa4;
    if (opcode != kXor && opcode != kXor32) continue;
    bytes[at] = '\xbc';
    ++changed;
  }
  ASSERT_GT(changed, 0U);
  const auto result = run_policyc({"verify", policy, "--object", write("changed.o", bytes)});
  EXPECT_EQ(result.exit_code, 1) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("ingress TCP 443 IPv4 from"));
  EXPECT_THAT(result.out, HasSubstr("evaluator: allow by CiliumNetworkPolicy/shop/api"));
  EXPECT_THAT(result.out, HasSubstr("policy.yaml:"));
  EXPECT_THAT(result.out, HasSubstr("program:   default deny"));
}

TEST_F(CliVerify, WhatCannotBeReadIsNotAFinding) {
  const std::string policy = write("policy.yaml", kPolicy);
  EXPECT_EQ(run_policyc({"verify", policy, "--object", write("no.o", "nothing")}).exit_code, 3);
  EXPECT_EQ(run_policyc({"verify", (folder_ / "absent.yaml").string()}).exit_code, 3);
  EXPECT_EQ(run_policyc({"verify"}).exit_code, 2);
  EXPECT_EQ(run_policyc({"verify", policy, "-o", "xml"}).exit_code, 2);
}

TEST_F(CliVerify, ReadsAsJson) {
  const auto result = run_policyc({"verify", write("policy.yaml", kPolicy), "-o", "json"});
  ASSERT_EQ(result.exit_code, 0);
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json.at("found"), 0);
  EXPECT_GT(json.at("atoms").get<int>(), 100);
  EXPECT_EQ(json.at("subjects").size(), 1U);
}

TEST_F(CliVerify, LeavingPeersOutIsSaidAndCountsAsAFinding) {
  const std::string policy = write("policy.yaml", kPolicy);
  const auto partial = run_policyc({"verify", policy, "--max-peers", "1"});
  EXPECT_EQ(partial.exit_code, 1);
  EXPECT_THAT(partial.out, HasSubstr("left out"));
  const auto sampled = run_policyc({"verify", policy, "--max-peers", "1", "--sample"});
  EXPECT_EQ(sampled.exit_code, 0);
  EXPECT_THAT(sampled.out, HasSubstr("left out"));
}

}  // namespace
}  // namespace policyc
