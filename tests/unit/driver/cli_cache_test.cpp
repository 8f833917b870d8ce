// The cache of objects as a user meets it: which folder, what is said, and that it never costs a
// compilation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/driver/cli_sample.h"
#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class CacheOption : public ::testing::Test {
 protected:
  CacheOption() { write_text(folder_ / "web.yaml", kPolicy); }

  Finished compile(std::vector<std::string> arguments,
                   const std::vector<std::string>& environment = {}) {
    arguments.insert(arguments.begin(), {"compile", "web.yaml"});
    return run_policyc(arguments, {}, folder_.path(), environment);
  }
  // Objects in a cache folder.
  std::size_t count(const std::string& folder) {
    if (!fs::exists(folder_ / folder)) return 0;
    const auto content = folder_content(folder_ / folder);
    return content.size() - content.count("lock");
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_ / name).string();
  }

  TemporaryFolder folder_;
};

TEST_F(CacheOption, TheSecondCompilationSaysCached) {
  const auto first = compile({"--cache", "cache", "-o", "one"});
  EXPECT_EQ(first.exit_code, 0);
  EXPECT_THAT(first.err, IsEmpty());
  EXPECT_THAT(first.out, Not(HasSubstr("cached")));
  const auto second = compile({"--cache", "cache", "-o", "two"});
  EXPECT_EQ(second.exit_code, 0);
  EXPECT_THAT(second.err, IsEmpty());
  EXPECT_THAT(second.out, HasSubstr(" ms  cached  any:app=web"));
  EXPECT_EQ(folder_content(folder_ / "one"), folder_content(folder_ / "two"));
  EXPECT_EQ(count("cache"), 1U);
  const auto fresh = compile({"--no-cache", "-o", "three"});
  EXPECT_THAT(fresh.out, Not(HasSubstr("cached")));
  EXPECT_EQ(folder_content(folder_ / "one"), folder_content(folder_ / "three"));
}

TEST_F(CacheOption, TheEnvironmentNamesTheFolder) {
  const std::vector<std::string> environment{
      "POLICYC_CACHE=" + path("env"), "XDG_CACHE_HOME=" + path("xdg"), "HOME=" + path("home")};
  EXPECT_EQ(compile({}, environment).exit_code, 0);
  EXPECT_EQ(count("env"), 1U);
  EXPECT_THAT(compile({}, environment).out, HasSubstr("cached"));
  EXPECT_EQ(compile({"--cache", path("option")}, environment).exit_code, 0);
  EXPECT_EQ(count("option"), 1U);
  EXPECT_THAT(compile({"--no-cache"}, environment).out, Not(HasSubstr("cached")));
  EXPECT_THAT(compile({}, {"POLICYC_CACHE=", "XDG_CACHE_HOME=" + path("xdg")}).out,
              Not(HasSubstr("cached")));
  EXPECT_FALSE(fs::exists(folder_ / "xdg"));
  EXPECT_FALSE(fs::exists(folder_ / "home"));
}

// As another user: the folder of root is the machine's.
TEST_F(CacheOption, UsersHaveTheirOwn) {
  const auto as_nobody = [this](const std::vector<std::string>& variables) {
    std::string command =
        "exec setpriv --reuid=65534 --regid=65534 --clear-groups env -u POLICYC_CACHE -i";
    for (const std::string& variable : variables) command += " " + variable;
    command += std::string(" ") + path("policyc") + " compile " + path("web.yaml") + " 2>&1";
    std::string output;
    FILE* pipe = popen(command.c_str(), "r");
    std::array<char, 4096> chunk{};
    while (fgets(chunk.data(), chunk.size(), pipe) != nullptr) output += chunk.data();
    EXPECT_EQ(pclose(pipe), 0) << output;
    return output;
  };
  // Where nobody may run it.
  const fs::path built = fs::path(POLICYC_BINARY).parent_path();
  for (const char* name : {"policyc", "libpolicyc_clang.so"}) {
    fs::copy_file(built / name, folder_ / name);
    fs::permissions(folder_ / name, fs::perms(0755));
  }
  fs::permissions(folder_.path(), fs::perms(0755));
  for (const char* name : {"home", "xdg"}) {
    fs::create_directory(folder_ / name);
    ASSERT_EQ(chown(path(name).c_str(), 65534, 65534), 0);
  }
  EXPECT_THAT(as_nobody({"HOME=" + path("home")}), Not(HasSubstr("warning")));
  EXPECT_EQ(count("home/.cache/policyc"), 1U);
  EXPECT_THAT(as_nobody({"HOME=" + path("home")}), HasSubstr("cached"));
  as_nobody({"HOME=" + path("home"), "XDG_CACHE_HOME=" + path("xdg")});
  EXPECT_EQ(count("xdg/policyc"), 1U);
  EXPECT_THAT(as_nobody({"HOME=" + path("home"), "XDG_CACHE_HOME=relative"}), HasSubstr("cached"))
      << "a relative path there does not count";
  const std::string homeless = as_nobody({});
  EXPECT_THAT(homeless, AllOf(Not(HasSubstr("cached")), Not(HasSubstr("warning"))));
}

TEST_F(CacheOption, ABadFolderIsOneWarning) {
  write_text(folder_ / "file", "");
  fs::create_directory(folder_ / "open");
  ASSERT_EQ(chmod(path("open").c_str(), 0777), 0);
  for (const char* folder : {"file", "open", "/proc/no/such"}) {
    const auto run = compile({"--cache", folder, "-o", "out"});
    EXPECT_EQ(run.exit_code, 0) << folder;
    EXPECT_THAT(run.err, HasSubstr("policyc: warning: no cache: " + std::string(folder)));
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
    EXPECT_THAT(run.out, HasSubstr("1 program"));
  }
  EXPECT_TRUE(fs::is_empty(folder_ / "open"));
}

TEST_F(CacheOption, AnEntryThatCannotBeStoredIsOneWarning) {
  // Something is in the way of every shard.
  fs::create_directory(folder_ / "cache");
  ASSERT_EQ(chmod(path("cache").c_str(), 0700), 0);
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char first : kDigits) {
    for (const char second : kDigits)
      write_text(folder_ / "cache" / std::string{first, second}, "mine");
  }
  write_text(folder_ / "pods.yaml", inventory({"web-1", "db-1"}));
  const auto run = compile({"--cache", "cache", "--endpoints", "pods.yaml"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, HasSubstr("2 programs"));
  EXPECT_THAT(run.err, HasSubstr("policyc: warning: cache: cache: "));
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  EXPECT_EQ(read_bytes(folder_ / "cache/00"), "mine");
}

TEST_F(CacheOption, TextsAloneNeedNoCache) {
  EXPECT_EQ(compile({"--cache", "cache", "--emit=ir,c"}).exit_code, 0);
  EXPECT_FALSE(fs::exists(folder_ / "cache"));
}

TEST_F(CacheOption, MistakesOfUsageAreTwo) {
  EXPECT_EQ(compile({"--cache", "cache", "--no-cache"}).exit_code, 2);
  EXPECT_EQ(run_policyc({"cache"}).exit_code, 2);
  EXPECT_EQ(run_policyc({"cache", "stat"}).exit_code, 2) << "no folder";
  EXPECT_EQ(run_policyc({"cache", "empty"}).exit_code, 2);
}

TEST_F(CacheOption, CanBeCountedAndCleared) {
  compile({"--cache", "cache"});
  const auto run = [this](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "cache");
    return run_policyc(arguments, {}, folder_.path());
  };
  EXPECT_THAT(run({"stat", "--cache", "cache"}).out, HasSubstr("cache: 1 object, "));
  EXPECT_THAT(run({"clear", "--cache", "cache"}).out, HasSubstr("cache: removed 1 object, "));
  EXPECT_THAT(run({"stat", "--cache", "cache"}).out, HasSubstr("cache: 0 objects, 0 bytes"));
  EXPECT_THAT(run({"stat", "--cache", "none"}).out, HasSubstr("none: 0 objects, 0 bytes"));
  EXPECT_FALSE(fs::exists(folder_ / "none"));
  const auto bad = run({"stat", "--cache", "web.yaml"});
  EXPECT_EQ(bad.exit_code, 3);
  EXPECT_THAT(bad.err, HasSubstr("web.yaml"));
}

}  // namespace
}  // namespace policyc::testing
