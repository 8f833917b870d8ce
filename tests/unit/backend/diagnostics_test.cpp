#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/backend/elf_sample.h"

namespace policyc::backend {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(CompileError, NamesFileLineAndColumn) {
  EXPECT_EQ(error_of("int f(void)\n{\n  return nope;\n}\n"),
            "sample.c:3:10: error: use of undeclared identifier 'nope'");
}

TEST(CompileError, FollowsLineDirectives) {
  EXPECT_EQ(error_of("int f(void)\n{\n#line 12 \"policy.yaml\"\n  return nope;\n}\n"),
            "policy.yaml:12:10: error: use of undeclared identifier 'nope'");
}

TEST(CompileError, CarriesEveryErrorAndItsNotes) {
  const auto error = error_of("int f(int);\nint f(char *p);\nint g(void) { return nope; }\n");
  EXPECT_THAT(error, HasSubstr("sample.c:2:5: error: conflicting types for 'f'"));
  EXPECT_THAT(error, HasSubstr("note: sample.c:1:5: previous declaration is here"));
  EXPECT_THAT(error, HasSubstr("sample.c:3:22: error: use of undeclared identifier 'nope'"));
}

TEST(CompileError, NamesRuntimeHeadersByTheirPath) {
  EXPECT_THAT(error_of("#define policyc_u16 1\n#include \"runtime/abi/policy.h\"\n"),
              StartsWith("runtime/abi/policy.h:"));
}

TEST(CompileError, StopsAfterTooManyErrors) {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    text += "nope x" + std::to_string(i) + ";\n";
  }
  const auto error = error_of(text);
  EXPECT_THAT(error, HasSubstr("too many errors emitted"));
  EXPECT_LT(error.size(), 5000U);
}

// The back end reports these and emits an object all the same; it must not be returned.
struct BackEndCase {
  const char* name;
  const char* text;
  const char* expected;
};

class BackEndError : public ::testing::TestWithParam<BackEndCase> {};

TEST_P(BackEndError, IsAnErrorWithALine) {
  const auto error = error_of(GetParam().text);
  EXPECT_THAT(error, HasSubstr(GetParam().expected));
  EXPECT_THAT(error, HasSubstr("policy.yaml:7:"));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, BackEndError,
    ::testing::Values(
        BackEndCase{"Stack",
                    "void use(char *);\n#line 7 \"policy.yaml\"\n"
                    "int f(int i) { char b[600]; for (int k = 0; k < 600; k++) ((volatile char "
                    "*)b)[k] = k; "
                    "return b[i & 511]; }\n",
                    "BPF stack limit"},
        BackEndCase{
            "Arguments",
            "__attribute__((noinline)) static int g(int a, int b, int c, int d, int e, int f)\n"
            "{ return a + b * c + d * e + f; }\n"
            "int h(int x) {\n#line 7 \"policy.yaml\"\nreturn g(x, x + 1, x + 2, x + 3, x + 4, x + "
            "5); }\n",
            "too many arg"},
        BackEndCase{"LibraryCall",
                    "int f(char *a, char *b) {\n#line 7 \"policy.yaml\"\n"
                    "__builtin_memcpy(a, b, 8192); return 0; }\n",
                    "'memcpy'"},
        BackEndCase{"SignedDivision",
                    "int f(long a, long b) {\n#line 7 \"policy.yaml\"\nreturn a / b; }\n",
                    "unsupported signed division"}),
    [](const auto& parameter) { return std::string(parameter.param.name); });

TEST(FatalError, IsAnErrorAndTheProcessGoesOn) {
  EXPECT_THAT(error_of("__int128 f(__int128 a, __int128 b) { return a + b; }"),
              StartsWith("sample.c: error: LLVM: unable to allocate function return"));
  EXPECT_FALSE(object_of(kSamplePolicy).empty());
}

TEST(FatalError, ACrashOfClangIsAnErrorToo) {
  EXPECT_THAT(error_of("#pragma clang __debug crash\n"),
              StartsWith("sample.c: error: clang crashed"));
  EXPECT_FALSE(object_of(kSamplePolicy).empty());
}

// What a dead compilation left behind must not be written to by the next ones, in this thread or
// another.
TEST(FatalError, ManyInARowDoNoHarm) {
  const auto good = object_of(kSamplePolicy);
  for (int i = 0; i < 20; ++i) {
    const auto* text =
        i % 2 == 0 ? "#pragma clang __debug crash\n" : "__int128 f(__int128 a) { return a + 1; }";
    EXPECT_FALSE(error_of(text).empty());
    EXPECT_EQ(object_of(kSamplePolicy), good);
  }
}

TEST(FatalError, InOneThreadIsNoneInAnother) {
  const auto good = object_of(kSamplePolicy);
  std::thread other([] {
    for (int i = 0; i < 20; ++i) {
      EXPECT_FALSE(error_of("__int128 f(__int128 a) { return a + 1; }").empty());
    }
  });
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(object_of(kSamplePolicy), good);
  }
  other.join();
}

}  // namespace
}  // namespace policyc::backend
