#include <algorithm>
#include <cstring>

#include "compiler/backend/backend.h"
#include "compiler/backend/elf_file.h"

namespace policyc::backend {
namespace {

constexpr std::uint64_t kInstructionBytes = 8;
constexpr std::uint16_t kBtfMagic = 0xeb9f;  // Documentation/bpf/btf.rst, little-endian

bool has_btf(const ElfFile& file) {
  const auto* section = file.find(".BTF");
  if (section == nullptr || section->content.size() < sizeof(kBtfMagic)) {
    return false;
  }
  return (section->content[0] | section->content[1] << 8) == kBtfMagic;
}

// The section a symbol lies in, with its bytes inside the section; null for symbols without one.
Result<const ElfSection*> home(const ElfFile& file, const ElfSymbol& symbol) {
  const auto& entry = symbol.entry;
  if (entry.st_shndx == SHN_UNDEF || entry.st_shndx >= SHN_LORESERVE) {
    return nullptr;
  }
  if (entry.st_shndx >= file.sections.size()) {
    return fail("broken ELF: section of symbol " + std::string(symbol.name));
  }
  const auto& section = file.sections[entry.st_shndx];
  if (entry.st_value > section.size() || section.size() - entry.st_value < entry.st_size) {
    return fail("broken ELF: symbol " + std::string(symbol.name) + " lies outside its section");
  }
  return &section;
}

}  // namespace

Result<ObjectInfo> inspect(std::span<const std::uint8_t> object) {
  const auto file = read_elf(object);
  if (!file) {
    return std::unexpected(file.error());
  }
  const auto symbols = read_symbols(*file);
  if (!symbols) {
    return std::unexpected(symbols.error());
  }
  ObjectInfo info;
  info.has_btf = has_btf(*file);
  for (const auto& section : file->sections) {
    if (section.header.sh_type == SHT_NULL) {
      continue;
    }
    info.sections.emplace_back(section.name, section.size());
    if (section.header.sh_type == SHT_PROGBITS && (section.header.sh_flags & SHF_EXECINSTR) != 0) {
      if (section.size() % kInstructionBytes != 0) {
        return fail("broken ELF: section " + section.name +
                    " is not a whole number of instructions");
      }
      info.instructions += section.size() / kInstructionBytes;
    }
  }
  std::vector<const ElfSymbol*> ordered;
  for (const auto& symbol : *symbols) {
    ordered.push_back(&symbol);
  }
  std::ranges::stable_sort(ordered, {}, [](const ElfSymbol* symbol) {
    return std::pair{symbol->entry.st_shndx, symbol->entry.st_value};
  });
  for (const auto* symbol : ordered) {
    const auto section = home(*file, *symbol);
    if (!section) {
      return std::unexpected(section.error());
    }
    if (*section == nullptr) {
      continue;
    }
    if (symbol->type() == STT_FUNC && ((*section)->header.sh_flags & SHF_EXECINSTR) != 0) {
      info.functions.push_back({.section = (*section)->name,
                                .name = std::string(symbol->name),
                                .instructions = symbol->entry.st_size / kInstructionBytes});
    } else if (symbol->type() == STT_OBJECT && (*section)->name == ".maps") {
      info.maps.push_back({.name = std::string(symbol->name)});
    }
  }
  return info;
}

}  // namespace policyc::backend
