#include "compiler/backend/elf_edit.h"

#include <algorithm>
#include <cstring>

#include "compiler/backend/elf_file.h"

namespace policyc::backend {
namespace {

constexpr std::uint32_t kDropped = 0xffffffffU;

bool is_debug(std::string_view name) {
  return name.starts_with(".debug_") || name.starts_with(".rel.debug_") ||
         name.starts_with(".rela.debug_");
}

// Old index -> new index, for what `keep` keeps.
template <class Items, class Keep>
std::vector<std::uint32_t> renumber(const Items& items, Keep keep) {
  std::vector<std::uint32_t> numbers;
  std::uint32_t next = 0;
  for (const auto& item : items) {
    numbers.push_back(keep(item) ? next++ : kDropped);
  }
  return numbers;
}

Result<std::uint32_t> renumbered(std::span<const std::uint32_t> numbers, std::uint64_t index) {
  if (index >= numbers.size() || numbers[index] == kDropped) {
    return fail("broken ELF: reference to a section or symbol that is not there");
  }
  return numbers[index];
}

bool in_section(const ElfSymbol& symbol) {
  return symbol.entry.st_shndx != SHN_UNDEF && symbol.entry.st_shndx < SHN_LORESERVE;
}

Result<void> renumber_relocations(ElfSection& section, std::span<const std::uint32_t> symbols) {
  if (section.content.size() % sizeof(Elf64_Rel) != 0) {
    return fail("broken ELF: relocations of " + section.name);
  }
  for (std::size_t offset = 0; offset < section.content.size(); offset += sizeof(Elf64_Rel)) {
    Elf64_Rel entry;
    std::memcpy(&entry, section.content.data() + offset, sizeof(entry));
    const auto symbol = renumbered(symbols, ELF64_R_SYM(entry.r_info));
    if (!symbol) {
      return std::unexpected(symbol.error());
    }
    entry.r_info = ELF64_R_INFO(std::uint64_t{*symbol}, ELF64_R_TYPE(entry.r_info));
    std::memcpy(section.content.data() + offset, &entry, sizeof(entry));
  }
  return {};
}

// The symbol table without the dropped symbols, pointing at the new section indices.
Result<void> rewrite_symbols(ElfSection& table, std::span<const ElfSymbol> symbols,
                             std::span<const std::uint32_t> symbol_numbers,
                             std::span<const std::uint32_t> section_numbers) {
  table.content.clear();
  std::uint32_t locals = 0;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    if (symbol_numbers[i] == kDropped) {
      continue;
    }
    Elf64_Sym entry = symbols[i].entry;
    if (in_section(symbols[i])) {
      const auto section = renumbered(section_numbers, entry.st_shndx);
      if (!section) {
        return std::unexpected(section.error());
      }
      entry.st_shndx = static_cast<Elf64_Section>(*section);
    }
    locals += symbols[i].local() ? 1U : 0U;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&entry);
    table.content.insert(table.content.end(), bytes, bytes + sizeof(entry));
  }
  table.header.sh_info = locals;
  return {};
}

}  // namespace

Result<Bytes> strip_debug(std::span<const std::uint8_t> object) {
  auto file = read_elf(object);
  if (!file) {
    return std::unexpected(file.error());
  }
  const auto symbols = read_symbols(*file);
  if (!symbols) {
    return std::unexpected(symbols.error());
  }
  const auto sections =
      renumber(file->sections, [](const ElfSection& section) { return !is_debug(section.name); });
  const auto symbol_numbers = renumber(*symbols, [&](const ElfSymbol& symbol) {
    const auto index = symbol.entry.st_shndx;
    return !in_section(symbol) || (index < sections.size() && sections[index] != kDropped);
  });
  ElfFile stripped{.header = file->header, .sections = {}, .name_section = 0};
  const auto name_section = renumbered(sections, file->name_section);
  if (!name_section) {
    return std::unexpected(name_section.error());
  }
  stripped.name_section = *name_section;
  for (std::size_t i = 0; i < file->sections.size(); ++i) {
    if (sections[i] == kDropped) {
      continue;
    }
    ElfSection section = file->sections[i];
    auto& header = section.header;
    const auto link = renumbered(sections, header.sh_link);
    if (!link) {
      return std::unexpected(link.error());
    }
    header.sh_link = *link;
    Result<void> done;
    if (header.sh_type == SHT_SYMTAB) {
      done = rewrite_symbols(section, *symbols, symbol_numbers, sections);
    } else if (header.sh_type == SHT_REL) {
      const auto target = renumbered(sections, header.sh_info);
      if (!target) {
        return std::unexpected(target.error());
      }
      header.sh_info = *target;
      done = renumber_relocations(section, symbol_numbers);
    }
    if (!done) {
      return std::unexpected(done.error());
    }
    stripped.sections.push_back(std::move(section));
  }
  return write_elf(stripped);
}

Result<Bytes> add_sections(std::span<const std::uint8_t> object,
                           std::span<const NamedSection> sections) {
  auto file = read_elf(object);
  if (!file) {
    return std::unexpected(file.error());
  }
  for (const auto& added : sections) {
    if (added.name.empty() || added.name.find('\0') != std::string_view::npos) {
      return fail("a section needs a name");
    }
    if (file->find(added.name) != nullptr) {
      return fail("the object already has a section " + std::string(added.name));
    }
    if (file->sections.size() >= kMaxElfSections) {
      return fail("the object has too many sections");
    }
    auto& names = file->sections[file->name_section].content;
    ElfSection section{.name = std::string(added.name),
                       .header = {},
                       .content = {added.content.begin(), added.content.end()}};
    section.header.sh_name = static_cast<Elf64_Word>(names.size());
    section.header.sh_type = SHT_PROGBITS;
    section.header.sh_addralign = 1;
    names.insert(names.end(), added.name.begin(), added.name.end());
    names.push_back(0);
    file->sections.push_back(std::move(section));
  }
  return write_elf(*file);
}

Result<Bytes> add_section(std::span<const std::uint8_t> object, std::string_view name,
                          std::span<const std::uint8_t> content) {
  const NamedSection section{.name = name, .content = content};
  return add_sections(object, {&section, 1});
}

Result<std::vector<std::pair<std::string, Bytes>>> read_sections(
    std::span<const std::uint8_t> object, std::string_view prefix) {
  auto file = read_elf(object);
  if (!file) {
    return std::unexpected(file.error());
  }
  std::vector<std::pair<std::string, Bytes>> found;
  for (auto& section : file->sections) {
    if (section.header.sh_type != SHT_NULL && section.name.starts_with(prefix)) {
      found.emplace_back(std::move(section.name), std::move(section.content));
    }
  }
  return found;
}

Result<Bytes> read_section(std::span<const std::uint8_t> object, std::string_view name) {
  const auto file = read_elf(object);
  if (!file) {
    return std::unexpected(file.error());
  }
  const auto* section = file->find(name);
  if (section == nullptr || name.empty()) {
    return fail("the object has no section " + std::string(name));
  }
  return section->content;
}

}  // namespace policyc::backend
