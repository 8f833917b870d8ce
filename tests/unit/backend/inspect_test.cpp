#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/backend/elf_sample.h"

namespace policyc::backend {
namespace {

using ::testing::Contains;
using ::testing::Pair;

TEST(Inspect, ListsFunctionsInOrderWithTheirSize) {
  const auto info =
      inspect(object_of("__attribute__((section(\"tc\"))) int first(void *c) { return 0; }\n"
                        "int second(void) { return 7; }\n"));
  ASSERT_TRUE(info.has_value());
  ASSERT_EQ(info->functions.size(), 2U);
  std::vector<std::string> seen;
  for (const auto& function : info->functions) {
    EXPECT_EQ(function.instructions, 2U) << function.name;  // w0 = constant; exit
    seen.push_back(function.section + " " + function.name);
  }
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("tc first", ".text second"));
  EXPECT_EQ(info->instructions, 4U);
}

TEST(Inspect, ListsMapsAndSections) {
  const auto info = inspect(object_of(kSamplePolicy));
  ASSERT_TRUE(info.has_value());
  ASSERT_EQ(info->maps.size(), 1U);
  EXPECT_EQ(info->maps.front().name, "policy_rows_in");
  EXPECT_THAT(info->sections, Contains(Pair(".rodata", 4U + 256U)));
}

TEST(Inspect, RefusesWhatIsNotABpfObject) {
  const Bytes text{'i', 'n', 't'};
  EXPECT_FALSE(inspect({}).has_value());
  EXPECT_FALSE(inspect(text).has_value());
  auto other_machine = object_of(kSamplePolicy);
  other_machine[18] = 62;  // e_machine: x86-64
  EXPECT_FALSE(inspect(other_machine).has_value());
}

}  // namespace
}  // namespace policyc::backend
