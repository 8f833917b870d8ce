#pragma once
// A 64-bit little-endian BPF relocatable ELF (System V gABI chapter 4) taken apart into sections
// and put together again. Reading trusts nothing: every offset, size, index and name is checked
// against the bytes that are there.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <elf.h>

#include "compiler/support/result.h"

namespace policyc::backend {

struct ElfSection {
  std::string name;
  Elf64_Shdr header{};
  std::vector<std::uint8_t> content;  // empty for SHT_NOBITS

  [[nodiscard]] std::uint64_t size() const {
    return header.sh_type == SHT_NOBITS ? header.sh_size : content.size();
  }
};

struct ElfSymbol {
  std::string_view name;
  Elf64_Sym entry{};

  [[nodiscard]] unsigned type() const { return ELF64_ST_TYPE(entry.st_info); }
  [[nodiscard]] bool local() const { return ELF64_ST_BIND(entry.st_info) == STB_LOCAL; }
};

struct ElfFile {
  Elf64_Ehdr header{};
  std::vector<ElfSection> sections;  // index 0 is the null section
  std::size_t name_section = 0;      // index of the section that holds the sections' names

  [[nodiscard]] const ElfSection* find(std::string_view name) const;
};

// More sections than any object of ours has; keeps work on hostile files bounded.
inline constexpr std::size_t kMaxElfSections = 4096;

[[nodiscard]] Result<ElfFile> read_elf(std::span<const std::uint8_t> bytes);
// The symbol table, empty when there is none. The names point into `file`.
[[nodiscard]] Result<std::vector<ElfSymbol>> read_symbols(const ElfFile& file);
// Lays the sections out anew, in order: offsets and sizes are recomputed, everything else is kept
// (sh_name must be set).
[[nodiscard]] std::vector<std::uint8_t> write_elf(const ElfFile& file);

}  // namespace policyc::backend
