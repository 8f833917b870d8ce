// Every tool that reads an object gets bytes that lie. The sanitizer build is what makes these
// tests sharp.
#include <cstring>
#include <random>

#include <elf.h>
#include <gtest/gtest.h>

#include "compiler/backend/elf_edit.h"
#include "compiler/backend/elf_file.h"
#include "tests/unit/backend/elf_sample.h"

namespace policyc::backend {
namespace {

struct Survival {
  std::size_t accepted = 0;
  std::size_t refused = 0;
};

// Runs all tools; counts what inspect() says of the bytes.
void feed(const Bytes& bytes, Survival& survival) {
  const auto info = inspect(bytes);
  (info ? survival.accepted : survival.refused) += 1;
  if (!info) {
    EXPECT_FALSE(info.error().message.empty());
  }
  auto patched = bytes;
  (void)set_rodata(patched, "policy_shape_tag", Bytes(4, 1));
  EXPECT_EQ(patched.size(), bytes.size());
  (void)read_section(bytes, ".rodata");
  if (const auto added = add_section(bytes, ".policyc.test", Bytes(4))) {
    EXPECT_LT(added->size(), 3 * bytes.size() + (std::size_t{1} << 20));
  }
  (void)strip_debug(bytes);
}

TEST(HostileElf, EveryTruncationIsRefused) {
  const auto object = object_of(kSamplePolicy);
  Survival survival;
  for (std::size_t size = 0; size < object.size(); ++size) {
    feed(Bytes(object.begin(), object.begin() + static_cast<std::ptrdiff_t>(size)), survival);
  }
  EXPECT_EQ(survival.accepted, 0U) << "the section headers are at the end, so each cut loses some";
}

TEST(HostileElf, MutatedBytesAreSurvived) {
  const auto object = object_of(kSamplePolicy);
  std::mt19937 random(20240607);
  Survival survival;
  for (int round = 0; round < 5000; ++round) {
    auto bytes = object;
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < changes; ++i) {
      // Half of the changes go where the structure is: the header and the section headers.
      const std::size_t headers = bytes.size() - 16 * sizeof(Elf64_Shdr);
      const std::size_t at = (random() & 1U) != 0   ? random() % bytes.size()
                             : (random() & 1U) != 0 ? random() % sizeof(Elf64_Ehdr)
                                                    : headers + random() % (bytes.size() - headers);
      bytes[at] =
          static_cast<std::uint8_t>((random() & 1U) != 0 ? random() : 0xff * (random() & 1U));
    }
    feed(bytes, survival);
  }
  EXPECT_GT(survival.accepted, 250U) << "mutations that only hit contents are accepted";
  EXPECT_GT(survival.refused, 250U);
}

// One field of one section header set to a hostile value.
class HostileField : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(HostileField, IsSurvivedInEverySectionHeader) {
  const auto object = object_of(kSamplePolicy);
  Elf64_Ehdr header;
  std::memcpy(&header, object.data(), sizeof(header));
  Survival survival;
  for (std::size_t section = 0; section < header.e_shnum; ++section) {
    for (std::size_t word = 0; word < sizeof(Elf64_Shdr) / sizeof(std::uint32_t); ++word) {
      for (const std::size_t width : {sizeof(std::uint32_t), sizeof(std::uint64_t)}) {
        auto bytes = object;
        const auto at =
            header.e_shoff + section * sizeof(Elf64_Shdr) + word * sizeof(std::uint32_t);
        const auto value = GetParam();
        std::memcpy(bytes.data() + at, &value, std::min(width, bytes.size() - at));
        feed(bytes, survival);
      }
    }
  }
  EXPECT_GT(survival.refused, 0U);
}

INSTANTIATE_TEST_SUITE_P(Values, HostileField,
                         ::testing::Values(0, 1, 7, 0x7fffffff, 0x80000000, 0xffffffff,
                                           0x7fffffffffffffff, 0xffffffffffffffff,
                                           0xfffffffffffffff8));

TEST(HostileElf, ATableThatPointsFarAwayIsRefused) {
  for (const std::uint64_t offset : {std::uint64_t{0xffffffffffffffff},
                                     std::uint64_t{0xffffffffffffffc0}, std::uint64_t{1} << 40}) {
    auto bytes = object_of(kSamplePolicy);
    std::memcpy(bytes.data() + offsetof(Elf64_Ehdr, e_shoff), &offset, sizeof(offset));
    EXPECT_FALSE(inspect(bytes).has_value()) << offset;
  }
}

TEST(HostileElf, SectionsThatOverlapDoNotMultiplyMemory) {
  // 4096 headers, each of which claims the whole file.
  ElfFile file;
  Bytes bytes(sizeof(Elf64_Ehdr) + kMaxElfSections * sizeof(Elf64_Shdr));
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = EM_BPF;
  header.e_type = ET_REL;
  header.e_shoff = sizeof(Elf64_Ehdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = kMaxElfSections;
  header.e_shstrndx = 1;
  std::memcpy(bytes.data(), &header, sizeof(header));
  for (std::size_t i = 1; i < kMaxElfSections; ++i) {
    Elf64_Shdr section{};
    section.sh_type = SHT_PROGBITS;
    section.sh_size = bytes.size();
    std::memcpy(bytes.data() + sizeof(header) + i * sizeof(section), &section, sizeof(section));
  }
  const auto result = inspect(bytes);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().message, "broken ELF: sections overlap");
}

}  // namespace
}  // namespace policyc::backend
