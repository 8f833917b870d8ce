#include "compiler/backend/elf_file.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <type_traits>

namespace policyc::backend {
namespace {

constexpr std::uint64_t kMaxAlignment = 4096;

// Copies a structure out of bytes that need not be aligned.
template <class T>
std::optional<T> load(std::span<const std::uint8_t> bytes, std::uint64_t offset) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) {
    return std::nullopt;
  }
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

std::optional<std::string_view> string_at(std::span<const std::uint8_t> table,
                                          std::uint64_t offset) {
  if (offset >= table.size()) {
    return std::nullopt;
  }
  const auto* start = table.data() + offset;
  const auto* end = static_cast<const std::uint8_t*>(std::memchr(start, 0, table.size() - offset));
  if (end == nullptr) {
    return std::nullopt;
  }
  return std::string_view(reinterpret_cast<const char*>(start),
                          static_cast<std::size_t>(end - start));
}

Result<Elf64_Ehdr> read_header(std::span<const std::uint8_t> bytes) {
  const auto header = load<Elf64_Ehdr>(bytes, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
    return fail("not an ELF file");
  }
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_machine != EM_BPF || header->e_type != ET_REL) {
    return fail("not a little-endian BPF object file");
  }
  if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shnum == 0 ||
      header->e_shnum > kMaxElfSections || header->e_shstrndx >= header->e_shnum) {
    return fail("broken ELF: section header table");
  }
  return *header;
}

std::span<const std::uint8_t> as_bytes(const auto& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof(value)};
}

void append(std::vector<std::uint8_t>& bytes, std::span<const std::uint8_t> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

void align(std::vector<std::uint8_t>& bytes, std::uint64_t alignment) {
  const std::uint64_t step = std::max<std::uint64_t>(alignment, 1);
  bytes.resize((bytes.size() + step - 1) / step * step);
}

}  // namespace

const ElfSection* ElfFile::find(std::string_view name) const {
  const auto found = std::ranges::find(sections, name, &ElfSection::name);
  return found == sections.end() ? nullptr : &*found;
}

Result<ElfFile> read_elf(std::span<const std::uint8_t> bytes) {
  const auto header = read_header(bytes);
  if (!header) {
    return std::unexpected(header.error());
  }
  ElfFile file;
  file.header = *header;
  file.name_section = header->e_shstrndx;
  std::uint64_t total = 0;
  for (std::uint64_t i = 0; i < header->e_shnum; ++i) {
    const auto entry = header->e_shoff <= bytes.size()
                           ? load<Elf64_Shdr>(bytes, header->e_shoff + i * sizeof(Elf64_Shdr))
                           : std::nullopt;
    if (!entry) {
      return fail("broken ELF: section header table is cut off");
    }
    ElfSection section{.name = {}, .header = *entry, .content = {}};
    const std::uint64_t alignment = entry->sh_addralign;
    if (alignment > kMaxAlignment || (alignment & (alignment - 1)) != 0) {
      return fail("broken ELF: alignment of section " + std::to_string(i));
    }
    if (entry->sh_type != SHT_NOBITS && entry->sh_type != SHT_NULL) {
      if (entry->sh_offset > bytes.size() || bytes.size() - entry->sh_offset < entry->sh_size) {
        return fail("broken ELF: section " + std::to_string(i) + " lies outside the file");
      }
      // Sections that overlap must not multiply the memory.
      total += entry->sh_size;
      if (total > bytes.size()) {
        return fail("broken ELF: sections overlap");
      }
      const auto content = bytes.subspan(entry->sh_offset, entry->sh_size);
      section.content.assign(content.begin(), content.end());
    }
    file.sections.push_back(std::move(section));
  }
  const auto& names = file.sections[file.name_section].content;
  for (auto& section : file.sections) {
    if (section.header.sh_type == SHT_NULL) {
      continue;
    }
    const auto name = string_at(names, section.header.sh_name);
    if (!name) {
      return fail("broken ELF: name of a section");
    }
    section.name = *name;
  }
  return file;
}

Result<std::vector<ElfSymbol>> read_symbols(const ElfFile& file) {
  std::vector<ElfSymbol> symbols;
  const auto table =
      std::ranges::find(file.sections, Elf64_Word{SHT_SYMTAB},
                        [](const ElfSection& section) { return section.header.sh_type; });
  if (table == file.sections.end()) {
    return symbols;
  }
  if (table->header.sh_link >= file.sections.size() ||
      table->content.size() % sizeof(Elf64_Sym) != 0) {
    return fail("broken ELF: symbol table");
  }
  const auto& names = file.sections[table->header.sh_link].content;
  symbols.reserve(table->content.size() / sizeof(Elf64_Sym));
  for (std::size_t offset = 0; offset < table->content.size(); offset += sizeof(Elf64_Sym)) {
    const auto entry = load<Elf64_Sym>(table->content, offset);
    const auto name = string_at(names, entry->st_name);
    if (!name) {
      return fail("broken ELF: name of a symbol");
    }
    symbols.push_back({.name = *name, .entry = *entry});
  }
  return symbols;
}

std::vector<std::uint8_t> write_elf(const ElfFile& file) {
  std::vector<std::uint8_t> bytes(sizeof(Elf64_Ehdr));
  std::vector<Elf64_Shdr> headers;
  for (const auto& section : file.sections) {
    Elf64_Shdr header = section.header;
    if (header.sh_type != SHT_NULL) {
      align(bytes, header.sh_addralign);
      header.sh_offset = bytes.size();
      header.sh_size = section.size();
      append(bytes, section.content);
    }
    headers.push_back(header);
  }
  align(bytes, alignof(Elf64_Shdr));
  Elf64_Ehdr header = file.header;
  header.e_shoff = bytes.size();
  header.e_shnum = static_cast<Elf64_Half>(headers.size());
  header.e_shstrndx = static_cast<Elf64_Half>(file.name_section);
  for (const auto& entry : headers) {
    append(bytes, as_bytes(entry));
  }
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes;
}

}  // namespace policyc::backend
