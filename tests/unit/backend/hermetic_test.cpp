#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "compiler/backend/embedded.h"
#include "tests/unit/backend/elf_sample.h"

namespace policyc::backend {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A folder with a file in it, both gone at the end.
class FileOnDisk {
 public:
  FileOnDisk() {
    std::string name = (std::filesystem::temp_directory_path() / "policyc-backend-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    std::ofstream(path()) << "int secret_on_disk;\nint secret_on_disk2;\nint secret_on_disk3;\n";
  }
  ~FileOnDisk() { std::filesystem::remove_all(folder_); }
  FileOnDisk(const FileOnDisk&) = delete;
  FileOnDisk& operator=(const FileOnDisk&) = delete;

  [[nodiscard]] std::string path() const { return (folder_ / "secret.h").string(); }

 private:
  std::filesystem::path folder_;
};

TEST(Hermetic, IncludesFindNothingOnDisk) {
  const FileOnDisk file;
  EXPECT_THAT(error_of("#include <stdio.h>\n"), HasSubstr("'stdio.h' file not found"));
  EXPECT_THAT(error_of("#include <stdint.h>\n"), HasSubstr("'stdint.h' file not found"));
  EXPECT_THAT(error_of("#include \"" + file.path() + "\"\n"), HasSubstr("file not found"));
  EXPECT_THAT(error_of("char x[] = {\n#embed \"" + file.path() + "\"\n};\n"),
              HasSubstr("file not found"));
  EXPECT_THAT(error_of("#if __has_include(\"" + file.path() +
                       "\")\nint x;\n#else\n#error absent\n#endif\n"),
              HasSubstr("absent"));
}

// LLVM's BTF writer would look for the file and copy the lines into the object.
TEST(Hermetic, LineInformationDoesNotReadTheFileItNames) {
  const FileOnDisk file;
  const auto object =
      object_of("#line 1 \"" + file.path() +
                "\"\nint f(int *p)\n{ return *p + 1; }\nint g(int *p) { return f(p) * 2; }\n");
  const auto btf = read_section(object, ".BTF");
  ASSERT_TRUE(btf.has_value());
  EXPECT_THAT(text_of(*btf), HasSubstr(file.path()));
  EXPECT_THAT(text_of(object), Not(HasSubstr("secret_on_disk")));
}

TEST(Hermetic, AssemblyThatCouldReadFilesIsRefused) {
  const FileOnDisk file;
  const auto incbin = "asm(\".incbin \\\"" + file.path() + "\\\"\");";
  EXPECT_EQ(error_of(incbin + "\nint f(void) { return 0; }\n"),
            "sample.c: error: assembly outside of functions is not allowed");
  EXPECT_EQ(error_of("int f(void)\n{\n  " + incbin + "\n  return 0;\n}\n"),
            "sample.c:3:7: error: inline assembly is not allowed");
  EXPECT_EQ(error_of("int f(int i)\n{\n  asm volatile(\"%0 &= 1\" : \"+r\"(i));\n  return i;\n}\n",
                     Output::LlvmIr),
            "sample.c:3:16: error: inline assembly is not allowed");
}

TEST(Hermetic, AnEmptyAssemblyTextIsABarrier) {
  EXPECT_FALSE(
      object_of("int f(int i) { asm volatile(\"\" : \"+r\"(i) : : \"memory\"); return i; }")
          .empty());
}

TEST(Hermetic, ObjectsHoldNeitherTimeNorFolder) {
  const auto object = object_of(
      "const char when[] = __DATE__ \" \" __TIME__;\nconst char where[] = __FILE__;\n"
      "int f(int *p) { return *p; }\n");
  const auto text = text_of(object);
  EXPECT_THAT(text, HasSubstr("Jan  1 1970 00:00:00"));
  EXPECT_THAT(text, Not(HasSubstr(std::filesystem::current_path().string())));
}

TEST(Hermetic, RuntimeHeadersAreThereUnderTheirPaths) {
  const auto object =
      object_of("#include \"runtime/abi/policy.h\"\nint f(void) { return POLICY_DENY; }\n");
  EXPECT_FALSE(object.empty());
  bool found = false;
  for (const auto& file : runtime_headers()) {
    found |= file.path == "runtime/abi/policy_verdicts.def";
    EXPECT_EQ(file.bytes.data()[file.bytes.size()], 0) << file.path;
  }
  EXPECT_TRUE(found);
}

TEST(Hermetic, TheDatapathIsEmbedded) {
  const auto info = inspect(datapath_object());
  ASSERT_TRUE(info.has_value());
  EXPECT_TRUE(info->has_btf);
  EXPECT_GT(info->instructions, 0U);
}

}  // namespace
}  // namespace policyc::backend
