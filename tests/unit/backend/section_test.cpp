#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/backend/elf_edit.h"
#include "compiler/backend/elf_file.h"
#include "tests/unit/backend/elf_sample.h"

namespace policyc::backend {
namespace {

const Bytes kContent{'{', '}', 0, 255};

TEST(Section, IsReadBackAsItWasAdded) {
  const auto object = object_of(kSamplePolicy);
  const auto added = add_section(object, ".policyc.test", kContent);
  ASSERT_TRUE(added.has_value());
  EXPECT_EQ(read_section(*added, ".policyc.test").value(), kContent);
  const auto second = add_section(*added, ".policyc.more", {});
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(read_section(*second, ".policyc.more").value(), Bytes{});
  EXPECT_EQ(read_section(*second, ".policyc.test").value(), kContent);
}

TEST(Section, SeveralAtOnceAreTheSameAsOneByOne) {
  const auto object = object_of(kSamplePolicy);
  const std::vector<NamedSection> sections{{".policyc.a", kContent}, {".policyc.b", {}}};
  const auto at_once = add_sections(object, sections);
  ASSERT_TRUE(at_once.has_value());
  const auto first = add_section(object, ".policyc.a", kContent);
  EXPECT_EQ(*at_once, add_section(*first, ".policyc.b", {}).value());
  EXPECT_EQ(add_sections(object, {}).value(), object);
  const std::vector<NamedSection> twice{{".policyc.a", kContent}, {".policyc.a", {}}};
  EXPECT_FALSE(add_sections(object, twice).has_value());
}

TEST(Section, AllOfAPrefixAreReadInOrder) {
  const std::vector<NamedSection> sections{
      {".policyc.b", kContent}, {".policyc.a", {}}, {"policyc.c", kContent}};
  const auto object = add_sections(object_of(kSamplePolicy), sections);
  ASSERT_TRUE(object.has_value());
  const auto found = read_sections(*object, ".policyc.");
  ASSERT_TRUE(found.has_value());
  const std::vector<std::pair<std::string, Bytes>> expected{{".policyc.b", kContent},
                                                            {".policyc.a", {}}};
  EXPECT_EQ(*found, expected);
  EXPECT_TRUE(read_sections(*object, ".nothing").value().empty());
  EXPECT_FALSE(read_sections(Bytes{1, 2, 3}, ".policyc.").has_value());
}

TEST(Section, LeavesTheRestAsItWas) {
  const auto object = object_of(kSamplePolicy);
  const auto added = add_section(object, ".policyc.test", kContent);
  ASSERT_TRUE(added.has_value());
  for (const auto* name :
       {".text", ".rodata", ".maps", ".BTF", ".BTF.ext", ".rel.text", ".symtab"}) {
    EXPECT_EQ(read_section(*added, name).value(), read_section(object, name).value()) << name;
  }
  auto patched = *added;
  EXPECT_TRUE(set_rodata(patched, "policy_shape_tag", Bytes{1, 2, 3, 4}).has_value());
}

TEST(Section, IsNotAllocated) {
  const auto added = add_section(object_of(kSamplePolicy), ".policyc.test", kContent);
  ASSERT_TRUE(added.has_value());
  const auto file = read_elf(*added);
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(file->find(".policyc.test")->header.sh_flags & SHF_ALLOC, 0U);
}

TEST(Section, RefusesANameThatIsThereOrIsNone) {
  const auto object = object_of(kSamplePolicy);
  EXPECT_FALSE(add_section(object, ".text", kContent).has_value());
  EXPECT_FALSE(add_section(object, "", kContent).has_value());
  EXPECT_FALSE(add_section(object, std::string_view("a\0b", 3), kContent).has_value());
}

TEST(Section, ReadingOneThatIsNotThereIsAnError) {
  const auto object = object_of(kSamplePolicy);
  EXPECT_FALSE(read_section(object, ".policyc.test").has_value());
  EXPECT_FALSE(read_section(object, "").has_value());
}

TEST(StripDebug, ChangesNothingWhereThereIsNoDwarf) {
  const auto object = object_of(kSamplePolicy);
  EXPECT_EQ(strip_debug(object).value(), object);
}

// References have to follow when sections before them go away.
TEST(StripDebug, RenumbersSectionsAndSymbols) {
  const auto object = object_of(kSamplePolicy);
  auto file = read_elf(object);
  ASSERT_TRUE(file.has_value());
  auto with_debug = add_section(object, ".debug_extra", kContent);
  ASSERT_TRUE(with_debug.has_value());
  auto moved = read_elf(*with_debug);
  ASSERT_TRUE(moved.has_value());
  // Put the new section first, so that every other index grows by one.
  std::rotate(moved->sections.begin() + 1, moved->sections.end() - 1, moved->sections.end());
  moved->name_section += 1;
  for (auto& section : moved->sections) {
    auto& header = section.header;
    header.sh_link += header.sh_link == 0 ? 0U : 1U;
    header.sh_info += header.sh_type == SHT_REL ? 1U : 0U;
    if (header.sh_type == SHT_SYMTAB) {
      for (std::size_t at = 0; at < section.content.size(); at += sizeof(Elf64_Sym)) {
        auto& index = section.content[at + offsetof(Elf64_Sym, st_shndx)];
        index = static_cast<std::uint8_t>(index == 0 || index >= 0xf0 ? index : index + 1);
      }
    }
  }
  const auto stripped = strip_debug(write_elf(*moved));
  ASSERT_TRUE(stripped.has_value());
  auto result = read_elf(*stripped);
  ASSERT_TRUE(result.has_value());
  ASSERT_EQ(result->sections.size(), file->sections.size());
  for (std::size_t i = 0; i < file->sections.size(); ++i) {
    EXPECT_EQ(result->sections[i].name, file->sections[i].name);
    EXPECT_EQ(result->sections[i].header.sh_link, file->sections[i].header.sh_link)
        << file->sections[i].name;
    EXPECT_EQ(result->sections[i].header.sh_info, file->sections[i].header.sh_info)
        << file->sections[i].name;
    if (i != file->name_section) {
      EXPECT_EQ(result->sections[i].content, file->sections[i].content) << file->sections[i].name;
    }
  }
}

TEST(StripDebug, RefusesRelocationsWhoseSymbolGoesAway) {
  auto file = read_elf(object_of("int g = 1; int f(void) { return g; }"));
  ASSERT_TRUE(file.has_value());
  for (auto& section : file->sections) {
    if (section.name == ".data") {
      // Renamed in the table of names, where ".data" is written once.
      auto& names = file->sections[file->name_section].content;
      section.header.sh_name = static_cast<Elf64_Word>(names.size());
      const std::string_view name = ".debug_data";
      names.insert(names.end(), name.begin(), name.end());
      names.push_back(0);
    }
  }
  EXPECT_FALSE(strip_debug(write_elf(*file)).has_value());
}

}  // namespace
}  // namespace policyc::backend
