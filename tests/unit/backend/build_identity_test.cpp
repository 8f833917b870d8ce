#include "compiler/backend/build_identity.h"

#include <fstream>
#include <iterator>
#include <vector>

#include <gtest/gtest.h>

#include "compiler/backend/clang_loader.h"
#include "tests/support/temporary_folder.h"

namespace policyc::backend {
namespace {

std::vector<std::uint8_t> note(std::uint32_t type, const std::string& name,
                               const std::vector<std::uint8_t>& content) {
  std::vector<std::uint8_t> bytes;
  for (const std::uint32_t number : {static_cast<std::uint32_t>(name.size() + 1),
                                     static_cast<std::uint32_t>(content.size()), type}) {
    for (unsigned shift = 0; shift < 32; shift += 8)
      bytes.push_back(static_cast<std::uint8_t>(number >> shift));
  }
  bytes.insert(bytes.end(), name.begin(), name.end());
  bytes.push_back(0);
  bytes.resize((bytes.size() + 3) / 4 * 4);
  bytes.insert(bytes.end(), content.begin(), content.end());
  bytes.resize((bytes.size() + 3) / 4 * 4);
  return bytes;
}

TEST(BuildIdentity, IsTheSameEachTime) {
  const auto identity = build_identity();
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->size(), 64U);
  EXPECT_EQ(*identity, *build_identity());
}

TEST(BuildIdentity, BuildIdsOfTheProgramAndTheModuleDiffer) {
  const auto own = build_id_of_file("/proc/self/exe");
  const auto module = build_id_of_file(clang_module_file().value());
  ASSERT_TRUE(own && module);
  EXPECT_EQ(own->size(), 40U);
  EXPECT_NE(*own, *module);
}

TEST(BuildIdentity, FindsTheNoteAmongOthers) {
  auto notes = note(1, "GNU", {1, 2, 3});
  const auto id = note(3, "GNU", {0xab, 0x01, 0xff});
  EXPECT_EQ(build_id_in_notes(notes), std::nullopt);
  EXPECT_EQ(build_id_in_notes(note(3, "XYZ", {1})), std::nullopt);
  EXPECT_EQ(build_id_in_notes(note(3, "GNU", {})), std::nullopt);
  notes.insert(notes.end(), id.begin(), id.end());
  EXPECT_EQ(build_id_in_notes(notes), "ab01ff");
  for (std::size_t size = 0; size + 1 < notes.size(); ++size)
    EXPECT_EQ(build_id_in_notes(std::span(notes).first(size)), std::nullopt) << size;
  notes[0] = notes[3] = 0xff;
  EXPECT_EQ(build_id_in_notes(notes), std::nullopt);
}

TEST(BuildIdentity, OtherFilesHaveNone) {
  const testing::TemporaryFolder folder;
  std::ifstream self("/proc/self/exe", std::ios::binary);
  std::string text(4096, 0);
  self.read(text.data(), static_cast<std::streamsize>(text.size()));
  for (const std::size_t size : {0U, 10U, 64U, 100U}) {
    std::ofstream((folder / "cut").string(), std::ios::binary | std::ios::trunc)
        << text.substr(0, size);
    EXPECT_EQ(build_id_of_file((folder / "cut").string()), std::nullopt) << size;
  }
  EXPECT_EQ(build_id_of_file((folder / "missing").string()), std::nullopt);
  EXPECT_EQ(build_id_of_file(folder.path().string()), std::nullopt);
}

}  // namespace
}  // namespace policyc::backend
