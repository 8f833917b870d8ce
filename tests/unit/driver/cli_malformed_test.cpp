// Malformed input of every kind ends as a diagnostic at its line and exit code 1: never a crash, a
// hang or an acceptance.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/driver/cli_sample.h"
#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string with(const std::string& from, const std::string& to) {
  std::string text(kPolicy);
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

struct Malformed {
  const char* name;
  std::string text;
  int line;  // of one of the diagnostics; -1: any
  friend void PrintTo(const Malformed& malformed, std::ostream* out) { *out << malformed.name; }
};

std::string alias_bomb() {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) text += (k == 0 ? "" : ", ") + before;
    text += "]\n";
  }
  return text;
}

std::string nested(int depth) {
  std::string text = "apiVersion: ";
  for (int i = 0; i < depth; ++i) text += "[";
  return text;
}

const std::vector<Malformed>& malformed_inputs() {
  static const std::vector<Malformed> kInputs = {
      {"unclosed_flow", with("- matchLabels:", "- {matchLabels:"), 15},
      {"unclosed_quote", with("port: \"80\"", "port: \"80"), 16},
      {"tab_indentation", with("  ingress:", "\tingress:"), 10},
      {"wrong_type_mapping",
       with("spec:\n  endpointSelector:", "spec: text\nother:\n  endpointSelector:"), 6},
      {"wrong_type_list", with("ingress:\n    - fromEndpoints:", "ingress:\n      fromEndpoints:"),
       11},
      {"wrong_type_scalar", with("port: \"80\"", "port: [80]"), 16},
      {"wrong_type_label", with("app: frontend", "app: 7"), 13},
      {"duplicate_key", with("  namespace: shop", "  name: again\n  namespace: shop"), 5},
      {"duplicate_field", std::string(kPolicy) + "  ingress: []\n", 18},
      {"unknown_field", with("  ingress:", "  ingresses:"), 10},
      {"unknown_metadata", with("  namespace: shop", "  namespace: shop\n  nmae: x"), 6},
      {"unknown_version", with("cilium.io/v2", "cilium.io/v9"), 1},
      {"no_name", with("  name: web\n", ""), 4},
      {"port_out_of_range", with("\"80\"", "\"80000\""), 16},
      {"protocol_misspelt", with("protocol: TCP", "protocol: TPC"), 17},
      {"label_key", with("app: frontend", "\"a b\": x"), 13},
      {"nul_byte", with("app: frontend", std::string("app: fro\0ntend", 14)), 13},
      {"control_character", with("app: frontend", "app: fr\x01ontend"), 13},
      {"invalid_utf8", with("app: frontend", "app: \xc3\x28"), 13},
      {"overlong_utf8", with("app: frontend", "app: \xc0\xaf"), 13},
      {"bidirectional_override",
       with("app: frontend",
            "app: \xe2\x80\xae"
            "frontend"),
       13},
      {"unknown_alias", with("app: frontend", "app: *nothing"), 13},
      {"self_alias", with("app: frontend", "app: &a [*a]"), 13},
      {"alias_bomb", std::string(kPolicy) + "---\n" + alias_bomb(), -1},
      {"deep_nesting", nested(100000), -1},
      {"custom_tag", with("app: frontend", "app: !!python/object:os.system frontend"), 13},
      {"second_document_broken", std::string(kPolicy) + "---\nkind: [\n", -1},
      {"only_scalar", "just text\n", 1},
      {"sequence_at_the_top", "- a\n- b\n", 1},
      {"json_cut_off", "{\"apiVersion\": \"cilium.io/v2\", \"kind\": ", 1},
      {"utf16",
       std::string("\xff\xfe"
                   "k\0i\0n\0d\0",
                   10),
       -1},
  };
  return kInputs;
}

class MalformedInput : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedInput, IsADiagnosticAtItsLine) {
  TemporaryFolder folder;
  write_text(folder / "input.yaml", GetParam().text);
  const auto run = run_policyc({"compile", "input.yaml", "-o", "out"}, {}, folder.path());
  EXPECT_EQ(run.exit_code, 1) << "signal " << run.signal << "\n" << run.out << run.err;
  EXPECT_THAT(run.err, StartsWith("input.yaml:"));
  EXPECT_THAT(run.err, HasSubstr(" error: "));
  EXPECT_THAT(run.err, HasSubstr("[PC"));
  if (GetParam().line > 0) {
    EXPECT_THAT(run.err, HasSubstr("input.yaml:" + std::to_string(GetParam().line) + ":"));
  }
  EXPECT_LT(run.err.size(), 1U << 20U) << "the size of a message follows what it shows";
  EXPECT_TRUE(std::none_of(run.err.begin(), run.err.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n';
  })) << "control characters must not reach the terminal";
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
}

INSTANTIATE_TEST_SUITE_P(Inputs, MalformedInput, ::testing::ValuesIn(malformed_inputs()),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

// Wherever a policy is cut off it is refused, or is still a whole document.
TEST(TruncatedInput, NeverCrashes) {
  TemporaryFolder folder;
  for (std::size_t size = 1; size < kPolicy.size(); size += 7) {
    write_text(folder / "input.yaml", kPolicy.substr(0, size));
    const auto run = run_policyc({"compile", "input.yaml", "--emit=ir"}, {}, folder.path());
    ASSERT_TRUE(run.exit_code == 0 || run.exit_code == 1)
        << size << ": " << run.exit_code << " signal " << run.signal;
    EXPECT_TRUE(run.exit_code == 0 || run.err.starts_with("input.yaml:")) << size << run.err;
  }
}

TEST(LargeInput, ATenMegabyteScalarIsRefusedQuickly) {
  TemporaryFolder folder;
  write_text(folder / "input.yaml", with("app: frontend", "app: " + std::string(10U << 20U, 'x')));
  const auto run = run_policyc({"compile", "input.yaml"}, {}, folder.path());
  EXPECT_EQ(run.exit_code, 1) << run.signal;
  EXPECT_THAT(run.err, StartsWith("input.yaml:13:"));
  EXPECT_LT(run.err.size(), 10000U);
}

TEST(LargeInput, ManyErrorsStayReadable) {
  TemporaryFolder folder;
  std::string text(kPolicy);
  for (int i = 0; i < 20000; ++i) text += "  unknown" + std::to_string(i) + ": 1\n";
  write_text(folder / "input.yaml", text);
  const auto run = run_policyc({"compile", "input.yaml"}, {}, folder.path());
  EXPECT_EQ(run.exit_code, 1) << run.signal;
  EXPECT_LT(run.err.size(), 10U << 20U);
}

// Rules that multiply: each alone is fine, together they would fill the memory.
TEST(LargeInput, TooManyPortClassesAreRefused) {
  TemporaryFolder folder;
  std::string text =
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web, namespace: "
      "shop}\nspec:\n"
      "  endpointSelector: {}\n  ingress:\n";
  for (int i = 0; i < 5000; ++i) {
    const std::string number = std::to_string(i);
    text += "    - fromEndpoints: [{matchLabels: {peer: p" + number + "}}]\n";
    text += "    - fromEndpoints: [{matchLabels: {peer: p" + number +
            "}}]\n      toPorts: [{ports: [{port: \"" + std::to_string(i * 10 + 1) +
            "\", protocol: TCP}]}]\n";
  }
  write_text(folder / "input.yaml", text);
  const auto run = run_policyc({"compile", "input.yaml"}, {}, folder.path());
  EXPECT_EQ(run.exit_code, 1) << run.signal << run.err.substr(0, 2000);
  EXPECT_THAT(run.err, HasSubstr("[PC0486 -Wtoo-many-port-classes]"));
}

}  // namespace
}  // namespace policyc::testing
