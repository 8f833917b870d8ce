// Which versions of files a new process is told.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader/worker/file_book.h"

namespace policyc::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Files : public ::testing::Test {
 protected:
  // Tells the process of now, which takes it or does not.
  FileResult put(const std::string& key, const std::string& content, bool good = true) {
    results_.clear();
    if (auto version = book_.put(key, key, content, results_)) answer({key, version}, good);
    EXPECT_EQ(results_.size(), 1U);
    return results_.empty() ? FileResult{} : results_.front();
  }
  void answer(const TellFile& told, bool good = true) {
    FileResult result;
    result.key = told.key;
    result.accepted = good;
    book_.answered(told, result, process_, results_);
  }
  // A new process; the contents that it is told, in their order.
  std::vector<std::string> restart(bool proven_first = false) {
    ++process_;
    std::vector<std::string> contents;
    told_ = book_.retell(proven_first);
    std::string room;
    for (const TellFile& one : told_) contents.emplace_back(one.version->content.unpack(room));
    return contents;
  }

  FileBook book_;
  std::vector<FileResult> results_;
  std::vector<TellFile> told_;
  std::uint64_t process_ = 1;
};

TEST_F(Files, WhatCountsIsToldAgainAndWhatWasRefusedIsNot) {
  put("a", "a1");
  put("b", "b1");
  put("b", "b2", false);
  put("c", "c1", false);
  EXPECT_THAT(restart(), ElementsAre("a1", "b1"));
  (void)book_.put("b", "b", "b3", results_);
  EXPECT_THAT(restart(), ElementsAre("a1", "b1", "b3"));
  EXPECT_TRUE(book_.remove("a"));
  EXPECT_FALSE(book_.remove("a"));
  EXPECT_THAT(restart(), ElementsAre("b1", "b3"));
}

TEST_F(Files, AnAnswerIsGivenOnceAndAgainForTheSameContent) {
  put("a", "a1", false);
  results_.clear();
  EXPECT_EQ(book_.put("a", "a", "a1", results_), nullptr);
  EXPECT_EQ(results_.size(), 1U);
  put("b", "b1");
  (void)restart();
  results_.clear();
  answer(told_.at(0));
  EXPECT_THAT(results_, IsEmpty());
}

TEST_F(Files, AnOvertakenVersionIsNotAnswered) {
  auto first = book_.put("a", "a", "a1", results_);
  auto second = book_.put("a", "a", "a2", results_);
  answer({"a", first});
  EXPECT_THAT(results_, IsEmpty());
  answer({"a", second});
  EXPECT_EQ(results_.size(), 1U);
}

// The earlier version is told first; when the process dies before it is told the later one, that
// is still what counts.
TEST_F(Files, AProvenVersionDoesNotTakeThePlaceOfALaterOne) {
  put("a", "a1");
  book_.resolved(process_);
  put("a", "a2");
  ASSERT_THAT(restart(true), ElementsAre("a1", "a2"));
  answer(told_[0]);
  EXPECT_THAT(restart(true), ElementsAre("a1", "a2"));
  EXPECT_THAT(restart(), ElementsAre("a2"));
  // Unless it is the one of now again.
  put("a", "a1");
  EXPECT_THAT(restart(), ElementsAre("a1"));
}

TEST_F(Files, OnlyWhatTheProcessHadIsProven) {
  put("a", "a1");
  put("b", "b1");
  ASSERT_THAT(restart(true), ElementsAre("a1", "b1"));
  answer(told_[0]);
  book_.resolved(process_);  // b was not told yet
  (void)restart(true);
  EXPECT_TRUE(told_[0].version->proven);
  EXPECT_FALSE(told_[1].version->proven);
}

TEST_F(Files, AQuarantinedVersionGivesWayToTheProvenOne) {
  put("a", "a1");
  book_.resolved(process_);
  put("a", "a2");
  ASSERT_THAT(restart(), ElementsAre("a2"));
  results_.clear();
  book_.blame(told_[0], kOwnDeath, "x", results_);
  EXPECT_THAT(results_, IsEmpty());
  book_.blame(told_[0], kOwnDeath, "x", results_);
  ASSERT_EQ(results_.size(), 1U);
  EXPECT_TRUE(results_[0].quarantined);
  EXPECT_TRUE(results_[0].last_good);
  EXPECT_EQ(book_.quarantined(), 1U);
  EXPECT_THAT(restart(), ElementsAre("a1"));
  EXPECT_TRUE(put("a", "a2").quarantined);
  put("a", "a3");
  EXPECT_EQ(book_.quarantined(), 0U);
  EXPECT_THAT(restart(), ElementsAre("a3"));
}

TEST_F(Files, AnAnswerForgivesWhatWentBefore) {
  put("a", "a1");
  for (unsigned i = 0; i < 3 * kMaxBlame; ++i) {
    (void)restart();
    book_.blame(told_.at(0), kKilled, "x", results_);
    answer(told_[0]);
  }
  EXPECT_THAT(restart(), ElementsAre("a1"));
}

TEST(PackedTexts, AreWhatTheyWere) {
  std::string noise;
  for (std::uint32_t i = 0, random = 1; i < 100'000; ++i, random = random * 1664525 + 1013904223)
    noise += static_cast<char>(random >> 24U);
  for (const std::string& text : {std::string(), std::string("a"), std::string(4097, 'x'),
                                  std::string(1 << 20, 'y'), noise}) {
    const PackedText packed(text);
    std::string room;
    EXPECT_EQ(packed.unpack(room), text);
    EXPECT_EQ(packed, PackedText(text));
    EXPECT_NE(packed, PackedText(text + " "));
  }
}

}  // namespace
}  // namespace policyc::worker
