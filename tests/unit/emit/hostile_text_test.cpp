// Text from a manifest reaches comments and #line directives of the emitted C. It must never become
// C.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/backend/backend.h"
#include "compiler/emit/c_ast.h"
#include "compiler/emit/emit.h"
#include "tests/unit/ir/sample.h"

namespace policyc::emit {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<std::string>& hostile_texts() {
  static const std::vector<std::string> kTexts = {
      "*/ int evil; /*",
      "*/*/ int evil; /*/*",
      "**//int evil;",
      "/*/ int evil;",
      "//*/int evil;",
      "*\\\n/ int evil; /*",
      "*?\?/\n/ int evil; /*",  // a trigraph is a backslash
      "ends with backslash \\",
      "ends with trigraph ?\?/",
      "\n#define POLICY_DEFAULT_DENY POLICY_ALLOW\n",
      "\r#define POLICY_DEFAULT_DENY POLICY_ALLOW\r",
      "\"\n#error evil\n\"",
      "\" \\\" ' \\' \\\\ \\x41 \\u0041 %s %n",
      "\\",
      "\"",
      std::string("nul \0 evil", 10),
      "\x01\x02\x1b[31m\x7f",
      "\xe2\x80\xae right to left \xe2\x80\xa8 line separator",
      "\xff\xfe not UTF-8",
      std::string(5000, '*') + "/",
      std::string(5000, '/'),
      "*",
      "/",
  };
  return kTexts;
}

// A comment ends at the first `*/`; what a compiler sees after removing comments must hold no user
// text.
std::string without_comments(const std::string& c) {
  std::string result;
  std::size_t at = 0;
  bool in_string = false;
  while (at < c.size()) {
    if (!in_string && c.compare(at, 2, "/*") == 0) {
      const std::size_t end = c.find("*/", at + 2);
      EXPECT_NE(end, std::string::npos) << "an open comment";
      if (end == std::string::npos) return result;
      at = end + 2;
      continue;
    }
    if (c[at] == '"') in_string = !in_string;
    if (in_string && c[at] == '\\') result += c[at++];
    EXPECT_FALSE(in_string && c[at] == '\n') << "an open string";
    result += c[at++];
  }
  EXPECT_FALSE(in_string);
  return result;
}

TEST(HostileText, StaysInsideComments) {
  for (const std::string& text : hostile_texts()) {
    c::Unit unit;
    unit.items.emplace_back(c::Comment{{text}});
    unit.items.emplace_back(c::Comment{{text, "", text}});
    unit.items.emplace_back(c::Define{"NAME", "1", text});
    unit.items.emplace_back(
        c::Function{"int f(void)", {c::Comment{{text}}, c::Return{c::number(1)}}});
    const std::string code = without_comments(c::print(unit));
    EXPECT_EQ(code, "\n\n#define NAME 1 \nint f(void)\n{\n\t\n\treturn 1;\n}\n") << text;
  }
}

TEST(HostileText, StaysInsideLineDirectives) {
  for (const std::string& text : hostile_texts()) {
    c::Unit unit;
    unit.items.emplace_back(c::LineMark{7, text});
    unit.items.emplace_back(c::Raw{"int x"});
    const std::string printed = c::print(unit);
    EXPECT_TRUE(printed.starts_with("#line 7 \"") && printed.ends_with("\"\nint x;\n")) << printed;
    EXPECT_EQ(std::count(printed.begin(), printed.end(), '\n'), 2) << printed;
    (void)without_comments(printed);
  }
}

// The whole way: a policy whose every text is hostile gives the object code that a tame one gives.
std::vector<backend::FunctionInfo> functions_of(const std::string& text, std::size_t rules) {
  ir::EndpointPolicy policy;
  policy.subject = text;
  policy.predicates = {policy::Selector{{{"any", text, policy::Operator::In, {text}}}, text}};
  auto& in = policy.directions[0];
  in.enforced = in.default_deny = true;
  in.default_deny_origins = {{text, text, text, 3}};
  for (std::uint32_t i = 0; i < rules; ++i) {
    ir::Rule rule;
    rule.id = i + 1;
    rule.verdict = ir::Verdict::Redirect;
    rule.precedence = 154;
    rule.parser = text;
    rule.peers = {0};
    const auto port = static_cast<std::uint16_t>(i * 10);
    rule.ports = {{6, port, port}};
    rule.origin = {text, text, text, 5};
    in.rules.push_back(rule);
  }
  const Emitted emitted = emit(ir::make_shape(policy));
  const auto object = backend::compile(emitted.file_name, emitted.text, backend::Output::Object);
  EXPECT_TRUE(object) << object.error().message << emitted.text;
  if (!object) return {};
  const auto info = backend::inspect(object->output);
  EXPECT_TRUE(info);
  return info ? info->functions : std::vector<backend::FunctionInfo>{};
}

TEST(HostileText, ChangesNoInstruction) {
  for (const std::size_t rules : {1U, 8U}) {
    const auto tame = functions_of("tame", rules);
    ASSERT_EQ(tame.size(), 2U) << "two programs, each with its verdict";
    for (const std::string& text : hostile_texts()) {
      const auto functions = functions_of(text, rules);
      ASSERT_EQ(functions.size(), tame.size()) << text;
      for (std::size_t i = 0; i < tame.size(); ++i) {
        EXPECT_EQ(functions[i].name, tame[i].name) << text;
        EXPECT_EQ(functions[i].instructions, tame[i].instructions) << text;
      }
    }
  }
}

}  // namespace
}  // namespace policyc::emit
