#include <gtest/gtest.h>

#include "compiler/diag/diag.h"

namespace policyc::diag {
namespace {

TEST(Engine, TakesTheSeverityFromTheRegistry) {
  Engine engine;
  EXPECT_EQ(engine.report(Id::DuplicateKey, {}, "a").severity, Severity::Error);
  EXPECT_EQ(engine.report(Id::ConvertedKey, {}, "b").severity, Severity::Warning);
  EXPECT_EQ(engine.error_count(), 1U);
  EXPECT_TRUE(engine.has_errors());
}

TEST(Engine, KeepsTheOrderOfReports) {
  Engine engine;
  engine.report(Id::ConvertedKey, {}, "first");
  engine.report_file(Id::FileTooLarge, {}, "second").help = "split it";
  ASSERT_EQ(engine.all().size(), 2U);
  EXPECT_EQ(engine.all()[0].message, "first");
  EXPECT_EQ(engine.all()[1].help, "split it");
}

TEST(Engine, CountsWithASeverityThatTheReporterChanged) {
  Engine engine;
  engine.report(Id::ConvertedKey, {}, "raised").severity = Severity::Error;
  EXPECT_EQ(engine.error_count(), 1U);
  engine.report(Id::DuplicateKey, {}, "lowered").severity = Severity::Warning;
  EXPECT_EQ(engine.error_count(), 1U);
  engine.report(Id::DuplicateKey, {}, "as it is");
  EXPECT_EQ(engine.error_count(), 2U);
}

TEST(Engine, IsExhaustedAfterTheGivenNumberOfErrors) {
  Engine engine(2);
  engine.report(Id::DuplicateKey, {}, "one");
  engine.report(Id::ConvertedKey, {}, "a warning does not count");
  EXPECT_FALSE(engine.exhausted());
  engine.report(Id::DuplicateKey, {}, "two");
  EXPECT_TRUE(engine.exhausted());
}

}  // namespace
}  // namespace policyc::diag
