// loader/agent/last_good: what is kept of the source's files, whatever the process died of.

#include "loader/agent/last_good.h"

#include <fstream>
#include <iterator>
#include <optional>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "compiler/support/sha256.h"
#include "tests/support/temporary_folder.h"

namespace policyc::testing {
namespace {

namespace fs = std::filesystem;
using agent::LastGood;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Files = std::map<std::string, LastGood::File>;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class LastGoodTest : public ::testing::Test {
 protected:
  LastGood open() {
    auto store = LastGood::open(folder_ / "source");
    if (!store) throw std::runtime_error(store.error().message);
    return std::move(*store);
  }
  [[nodiscard]] fs::path journal() const { return folder_ / "source" / "journal"; }

  TemporaryFolder folder_;
};

TEST_F(LastGoodTest, KeepsWhatWasPutLast) {
  std::optional<LastGood> store = open();
  Files expected;
  std::uint32_t random = 5;
  const auto pick = [&random](std::uint32_t below) {
    random = random * 1664525 + 1013904223;
    return (random >> 8U) % below;
  };
  std::uintmax_t most = 0;
  for (int step = 0; step < 1500; ++step) {
    const std::string key = "key \n" + std::to_string(pick(20));
    if (pick(5) == 0) {
      ASSERT_TRUE(store->erase(key));
      expected.erase(key);
    } else {
      std::string content(pick(9000), 'x');
      for (char& letter : content) letter = pick(4) == 0 ? "\n\\\t\""[pick(4)] : letter;
      const LastGood::File file{"name", content + std::to_string(pick(9))};
      ASSERT_TRUE(store->put(key, file));
      expected[key] = file;
    }
    most = std::max(most, fs::file_size(journal()));
    if (step % 100 != 0) continue;
    store.emplace(open());
    ASSERT_EQ(store->files(), expected) << step;
    EXPECT_THAT(store->damaged(), IsEmpty());
    store->forget_contents();
  }
  EXPECT_LT(most, 2U << 20U) << "it is written anew when most of it is of no use";
}

TEST_F(LastGoodTest, TheSameAgainIsNotWritten) {
  LastGood store = open();
  ASSERT_TRUE(store.put("a", {"a.yaml", "one"}));
  const auto size = fs::file_size(journal());
  ASSERT_TRUE(store.put("a", {"a.yaml", "one"}));
  ASSERT_TRUE(store.erase("b"));
  EXPECT_EQ(fs::file_size(journal()), size);
}

TEST_F(LastGoodTest, OneThatCannotBeKeptDoesNotKeepOthersOut) {
  const std::vector<std::pair<std::string, LastGood::File>> files = {
      {"a", {"a.yaml", "one"}}, {"b", {"b\xff.yaml", "two"}}, {"c", {"c.yaml", "three"}}};
  const auto kept = open().put(files);
  ASSERT_FALSE(kept);
  EXPECT_THAT(kept.error().message, ::testing::HasSubstr(".yaml"));
  EXPECT_EQ(open().files(), (Files{files[0], files[2]}));
}

TEST_F(LastGoodTest, ManyAtOnceAreAllKept) {
  std::vector<std::pair<std::string, LastGood::File>> files;
  for (int i = 0; i < 40; ++i)
    files.push_back({"key" + std::to_string(i), {"name", std::string(20'000, 'x')}});
  ASSERT_TRUE(open().put(files));
  EXPECT_EQ(open().files(), Files(files.begin(), files.end()));
}

TEST_F(LastGoodTest, AJournalCutAnywhereIsWhatWasCompleteAndGoesOn) {
  std::vector<std::pair<std::size_t, Files>> history;
  {
    LastGood store = open();
    Files now;
    history.emplace_back(0, now);
    for (const char* key : {"a", "b", "a"}) {
      now[key] = {key, "version " + std::to_string(history.size()) + "\nof it"};
      ASSERT_TRUE(store.put(key, now[key]));
      history.emplace_back(fs::file_size(journal()), now);
    }
    ASSERT_TRUE(store.erase("b"));
    now.erase("b");
    history.emplace_back(fs::file_size(journal()), now);
  }
  const std::string whole = content_of(journal());
  std::size_t last = 0;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    while (last + 1 < history.size() && history[last + 1].first <= size) ++last;
    std::ofstream(journal(), std::ios::binary) << whole.substr(0, size);
    {
      LastGood store = open();
      ASSERT_EQ(store.files(), history[last].second) << size;
      EXPECT_THAT(store.damaged(), IsEmpty());
      ASSERT_TRUE(store.put("c", {"c", "after"}));
    }
    Files expected = history[last].second;
    expected["c"] = {"c", "after"};
    ASSERT_EQ(open().files(), expected) << size;
  }
}

TEST_F(LastGoodTest, ADamagedLineIsNamedAndTheOthersCount) {
  {
    LastGood store = open();
    for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(store.put(key, {key, "one"}));
  }
  std::string text = content_of(journal());
  text[text.find("\"b\"") + 1] = 'x';
  std::ofstream(journal(), std::ios::binary) << text;
  const LastGood store = open();
  EXPECT_THAT(store.damaged(), ElementsAre(journal().string() + ":2"));
  EXPECT_TRUE(store.contains("a"));
  EXPECT_FALSE(store.contains("b"));
  EXPECT_TRUE(store.contains("c"));
}

TEST_F(LastGoodTest, FilesOfAVersionBeforeAreTakenOver) {
  const auto put_old = [this](const std::string& key, const std::string& text) {
    fs::create_directories(folder_ / "source");
    std::ofstream(folder_ / "source" / (sha256_hex(key) + ".json")) << text;
  };
  for (const std::string key : {"a", "b"})
    put_old(key, nlohmann::json{{"key", key}, {"name", key}, {"content", "old"}}.dump());
  put_old("c", "{");
  {
    const LastGood store = open();
    EXPECT_EQ(store.files(), (Files{{"a", {"a", "old"}}, {"b", {"b", "old"}}}));
    EXPECT_EQ(store.damaged().size(), 1U);
  }
  EXPECT_FALSE(fs::exists(folder_ / "source" / (sha256_hex("a") + ".json")));
  EXPECT_EQ(open().files().size(), 2U);
}

TEST_F(LastGoodTest, LinesOfAVersionBeforeAreRead) {
  const std::string old = nlohmann::json{{"key", "a"}, {"name", "a"}, {"content", "x\ty\n"}}.dump();
  fs::create_directories(folder_ / "source");
  std::ofstream(journal()) << sha256_hex(old).substr(0, 15) << " " << old << "\n";
  LastGood store = open();
  EXPECT_EQ(store.files(), (Files{{"a", {"a", "x\ty\n"}}}));
  EXPECT_THAT(store.damaged(), IsEmpty());
}

TEST_F(LastGoodTest, ANameThatIsNotUtf8IsRefused) {
  LastGood store = open();
  EXPECT_FALSE(store.put("a", {"\xff", "a"}));
  EXPECT_FALSE(store.contains("a"));
  EXPECT_EQ(fs::file_size(journal()), 0U);
}

}  // namespace
}  // namespace policyc::testing
