#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "compiler/backend/clang_loader.h"

namespace policyc::backend {
namespace {

using ::testing::HasSubstr;

TEST(ClangModule, LiesBesideTheExecutable) { EXPECT_TRUE(clang_module().has_value()); }

TEST(ClangModule, AMissingOneIsAnErrorThatNamesTheFolders) {
  const std::vector<std::string> folders{"/nonexistent/a", "/nonexistent/b"};
  const auto module = open_clang_module(folders);
  ASSERT_FALSE(module.has_value());
  EXPECT_EQ(module.error().message,
            "the compiler module libpolicyc_clang.so is not in /nonexistent/a, /nonexistent/b");
}

TEST(ClangModule, OneThatIsNoLibraryIsAnError) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("policyc-module-" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  std::ofstream(folder / kClangModuleFile) << "not a library";
  const std::vector<std::string> folders{folder.string()};
  const auto module = open_clang_module(folders);
  std::filesystem::remove_all(folder);
  ASSERT_FALSE(module.has_value());
  EXPECT_THAT(module.error().message, HasSubstr("cannot load the compiler module"));
}

}  // namespace
}  // namespace policyc::backend
