#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/backend/elf_sample.h"

namespace policyc::backend {
namespace {

using ::testing::HasSubstr;

TEST(Rodata, PatchingEqualsCompilingTheValue) {
  const std::string before =
      "const volatile unsigned a = 0;\nconst volatile unsigned char b[3] = {0, 0, 0};\n";
  const std::string after =
      "const volatile unsigned a = 0x01020304;\nconst volatile unsigned char b[3] = {9, 8, 7};\n";
  auto object = object_of(before);
  const Bytes a{4, 3, 2, 1};
  const Bytes b{9, 8, 7};
  ASSERT_TRUE(set_rodata(object, "a", a).has_value());
  ASSERT_TRUE(set_rodata(object, "b", b).has_value());
  EXPECT_EQ(object, object_of(after));
}

TEST(Rodata, RefusesAnotherSize) {
  auto object = object_of(kSamplePolicy);
  const auto untouched = object;
  const auto result = set_rodata(object, "policy_shape_tag", Bytes(8));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().message, "variable `policy_shape_tag` has 4 bytes, not 8");
  EXPECT_FALSE(set_rodata(object, "policy_shape_tag", {}).has_value());
  EXPECT_EQ(object, untouched);
}

TEST(Rodata, RefusesWhatIsNoVariableInRodata) {
  auto object = object_of(
      "const volatile int here = 0; int elsewhere = 1; extern int outside;\n"
      "int f(void) { return outside + elsewhere; }\n");
  for (const auto* name : {"nowhere", "elsewhere", "outside", "f", ""}) {
    const auto result = set_rodata(object, name, Bytes(4));
    ASSERT_FALSE(result.has_value()) << name;
    EXPECT_THAT(result.error().message, HasSubstr("no variable")) << name;
  }
  auto without = object_of("int f(void) { return 0; }");
  EXPECT_FALSE(set_rodata(without, "here", Bytes(4)).has_value());
}

TEST(Rodata, RefusesAnAmbiguousName) {
  auto object = object_of(
      "const volatile int *f(void) { static const volatile int twice = 0; return &twice; }\n"
      "const volatile int *g(void) { static const volatile int twice = 0; return &twice; }\n"
      "const volatile int once = 0;\n");
  // Clang tells the two apart as f.twice and g.twice.
  EXPECT_TRUE(set_rodata(object, "f.twice", Bytes(4)).has_value());
  EXPECT_FALSE(set_rodata(object, "twice", Bytes(4)).has_value());
}

}  // namespace
}  // namespace policyc::backend
