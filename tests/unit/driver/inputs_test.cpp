#include "compiler/driver/inputs.h"

#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/driver/cli_sample.h"
#include "tests/unit/driver/process.h"

namespace policyc::driver {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryFolder;
using testing::write_text;

std::vector<std::string> names(const std::vector<InputText>& inputs) {
  std::vector<std::string> result;
  for (const auto& input : inputs) result.push_back(input.name);
  return result;
}

TEST(ReadInputs, KeepsTheOrderOfArgumentsAndSortsDirectories) {
  TemporaryFolder folder;
  fs::create_directories(folder / "d/sub");
  for (const char* name :
       {"d/z.yaml", "d/a.json", "d/sub/m.yml", "d/skip.txt", "d/README", "one.conf"}) {
    write_text(folder / name, name);
  }
  std::istringstream in("from a pipe");
  const auto inputs =
      read_inputs({(folder / "one.conf").string(), "-", (folder / "d").string()}, in);
  ASSERT_TRUE(inputs) << inputs.error().message;
  const std::string base = (folder / "d").string();
  EXPECT_THAT(names(*inputs), ElementsAre((folder / "one.conf").string(), "<stdin>",
                                          base + "/a.json", base + "/sub/m.yml", base + "/z.yaml"));
  EXPECT_EQ((*inputs)[1].text, "from a pipe");
  EXPECT_EQ((*inputs)[3].text, "d/sub/m.yml");
}

TEST(ReadInputs, NamesThePathThatCannotBeRead) {
  TemporaryFolder folder;
  std::istringstream in;
  for (const std::string& path : {(folder / "missing").string(), folder.path().string()}) {
    const auto inputs = read_inputs({path}, in);
    ASSERT_FALSE(inputs);
    EXPECT_THAT(inputs.error().message, HasSubstr(path));
  }
}

TEST(ReadFile, KeepsEveryByteAndStopsAtTheLimit) {
  TemporaryFolder folder;
  const std::string bytes("a\0b\r\n\xff", 6);
  write_text(folder / "x", bytes);
  EXPECT_EQ(read_file((folder / "x").string()).value(), bytes);
  EXPECT_EQ(read_file("/dev/zero").value().size(), kMaxInputBytes);
  EXPECT_FALSE(read_file(folder.path().string())) << "a directory";
}

TEST(ReadFile, ReadsPipes) {
  TemporaryFolder folder;
  const std::string path = (folder / "pipe").string();
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::jthread writer([&path] { write_text(path, std::string(200000, 'x')); });
  EXPECT_EQ(read_file(path).value().size(), 200000U);
}

TEST(WriteFile, ReplacesWholeFilesAndLeavesNothingBehind) {
  TemporaryFolder folder;
  write_text(folder / "x", std::string(1000, 'o'));
  ASSERT_TRUE(write_file((folder / "x").string(), "new"));
  EXPECT_EQ(testing::folder_content(folder.path()),
            (std::map<std::string, std::string>{{"x", "new"}}));
}

TEST(WriteFile, AFailureKeepsWhatWasThere) {
  TemporaryFolder folder;
  EXPECT_FALSE(write_file((folder / "no/such/folder").string(), "x"));
  fs::create_directory(folder / "d");
  write_text(folder / "d/inside", "kept");
  EXPECT_FALSE(write_file((folder / "d").string(), "x")) << "a directory stands in the way";
  EXPECT_EQ(testing::folder_content(folder.path()),
            (std::map<std::string, std::string>{{"d/inside", "kept"}}));
}

}  // namespace
}  // namespace policyc::driver
