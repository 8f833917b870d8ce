#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "compiler/backend/backend.h"
#include "tests/unit/backend/elf_sample.h"

namespace policyc::backend {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Compile, MakesAnObjectWithBtfAndWithoutDwarf) {
  const auto info = inspect(object_of(kSamplePolicy));
  ASSERT_TRUE(info.has_value());
  EXPECT_TRUE(info->has_btf);
  bool line_information = false;
  for (const auto& [name, bytes] : info->sections) {
    EXPECT_THAT(name, Not(HasSubstr("debug"))) << name;
    line_information |= name == ".BTF.ext" && bytes > 0;
  }
  EXPECT_TRUE(line_information);
}

TEST(Compile, GivesOptimisedLlvmIr) {
  const auto result = compile(
      "sample.c", "static int twice(int x) { return x * 2; } int f(int x) { return twice(x); }",
      Output::LlvmIr);
  ASSERT_TRUE(result.has_value());
  const auto text = text_of(result->output);
  EXPECT_THAT(text, HasSubstr("target triple = \"bpfel\""));
  EXPECT_THAT(text, HasSubstr("@f("));
  EXPECT_THAT(text, Not(HasSubstr("@twice"))) << "was not inlined";
}

TEST(Compile, GivesBpfAssembly) {
  const auto result = compile("sample.c", "int answer(void) { return 42; }", Output::Assembly);
  ASSERT_TRUE(result.has_value());
  const auto text = text_of(result->output);
  EXPECT_THAT(text, HasSubstr("answer:"));
  EXPECT_THAT(text, HasSubstr("w0 = 42"));
}

TEST(Compile, ReturnsWarningsAndStillCompiles) {
  const auto result =
      compile("sample.c", "int f(void)\n{\n  int unused;\n  return 0;\n}\n", Output::Object);
  ASSERT_TRUE(result.has_value());
  ASSERT_EQ(result->messages.size(), 1U);
  const auto& message = result->messages.front();
  EXPECT_FALSE(message.error);
  EXPECT_EQ(message.file, "sample.c");
  EXPECT_EQ(message.line, 3U);
  EXPECT_EQ(message.column, 7U);
  EXPECT_EQ(message.text, "unused variable 'unused'");
}

TEST(Compile, QuotesTheLinesOfFilesThatLineDirectivesName) {
  const SourceText yaml{"db.yaml", "kind: first\nkind: second\nkind: third\nkind: fourth\n"};
  const auto result = compile("sample.c", kSamplePolicy, Output::Object, {&yaml, 1});
  ASSERT_TRUE(result.has_value());
  const auto btf = read_section(result->output, ".BTF");
  ASSERT_TRUE(btf.has_value());
  const auto text = text_of(*btf);
  EXPECT_THAT(text, HasSubstr("db.yaml"));
  EXPECT_THAT(text, HasSubstr("kind: second"));
  EXPECT_THAT(text, HasSubstr("kind: third"));
  EXPECT_THAT(text, Not(HasSubstr("kind: first")));
  EXPECT_THAT(text, HasSubstr("if (!context)")) << "lines of the C text itself";
  EXPECT_THAT(text, HasSubstr("policy_rows_value *rows = ")) << "lines of a runtime header";
}

TEST(Compile, SameInputGivesSameBytes) {
  const auto first = object_of(kSamplePolicy);
  EXPECT_EQ(first, object_of(kSamplePolicy));
  Bytes left;
  Bytes right;
  std::thread other([&] { left = object_of(kSamplePolicy); });
  right = object_of(kSamplePolicy);
  other.join();
  EXPECT_EQ(first, left);
  EXPECT_EQ(first, right);
}

TEST(Compile, ThreadsDoNotMixTheirMessages) {
  std::vector<std::thread> threads;
  std::vector<std::string> errors(4);
  for (std::size_t i = 0; i < errors.size(); ++i) {
    threads.emplace_back([i, &errors] {
      const auto name = "unknown_" + std::to_string(i);
      errors[i] = error_of("int f(void) { return " + name + "; }");
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  for (std::size_t i = 0; i < errors.size(); ++i) {
    EXPECT_EQ(errors[i], "sample.c:1:22: error: use of undeclared identifier 'unknown_" +
                             std::to_string(i) + "'");
  }
}

TEST(Compile, AcceptsFileNamesWithQuotesAndBackslashes) {
  const auto result = compile("a \"b\"\\c.c", "int f(void) { return nope; }", Output::Object);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().message,
            "a \"b\"\\c.c:1:22: error: use of undeclared identifier 'nope'");
}

TEST(Compile, RefusesFileNamesThatWouldBreakALineDirective) {
  EXPECT_FALSE(compile("", "int x;", Output::Object).has_value());
  EXPECT_FALSE(compile("a\n#error b", "int x;", Output::Object).has_value());
  EXPECT_FALSE(compile(std::string_view("a\0b", 3), "int x;", Output::Object).has_value());
}

TEST(Compile, TextWithoutItsTerminatingNulIsRead) {
  const std::string text = "int f(void) { return 1; }@@@@";
  EXPECT_TRUE(compile("sample.c", std::string_view(text).substr(0, text.size() - 4), Output::Object)
                  .has_value());
}

#if !defined(__SANITIZE_ADDRESS__)  // whose allocator mallinfo2 does not see
// Compiling leaks nothing that grows: clang's `-disable-free` would leak some 400 kB each time.
TEST(Compile, DoesNotLeak) {
  mallopt(M_ARENA_MAX, 1);  // mallinfo2 speaks of the main arena only
  const auto used = [] { return mallinfo2().uordblks + mallinfo2().hblkhd; };
  for (int i = 0; i < 5; ++i) {
    (void)object_of(kSamplePolicy);
  }
  const auto before = used();
  for (int i = 0; i < 50; ++i) {
    (void)object_of(kSamplePolicy);
  }
  EXPECT_LT(used(), before + 50 * 20000);
}
#endif

}  // namespace
}  // namespace policyc::backend
