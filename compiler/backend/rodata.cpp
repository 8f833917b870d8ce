#include <algorithm>

#include "compiler/backend/backend.h"
#include "compiler/backend/elf_file.h"

namespace policyc::backend {

Result<void> set_rodata(Bytes& object, std::string_view variable,
                        std::span<const std::uint8_t> value) {
  const auto file = read_elf(object);
  if (!file) {
    return std::unexpected(file.error());
  }
  const auto symbols = read_symbols(*file);
  if (!symbols) {
    return std::unexpected(symbols.error());
  }
  const auto* rodata = file->find(".rodata");
  const ElfSymbol* found = nullptr;
  for (const auto& symbol : *symbols) {
    if (symbol.type() != STT_OBJECT || symbol.name != variable) {
      continue;
    }
    if (found != nullptr) {
      return fail("the object has more than one variable `" + std::string(variable) + "`");
    }
    found = &symbol;
  }
  const auto index =
      rodata == nullptr ? 0 : static_cast<std::size_t>(rodata - file->sections.data());
  if (found == nullptr || index == 0 || found->entry.st_shndx != index) {
    return fail("the object has no variable `" + std::string(variable) + "` in .rodata");
  }
  const auto& entry = found->entry;
  if (entry.st_size != value.size()) {
    return fail("variable `" + std::string(variable) + "` has " + std::to_string(entry.st_size) +
                " bytes, not " + std::to_string(value.size()));
  }
  const auto& content = rodata->content;
  if (entry.st_value > content.size() || content.size() - entry.st_value < entry.st_size) {
    return fail("broken ELF: variable `" + std::string(variable) + "` lies outside .rodata");
  }
  std::ranges::copy(value, object.begin() + static_cast<std::ptrdiff_t>(rodata->header.sh_offset +
                                                                        entry.st_value));
  return {};
}

}  // namespace policyc::backend
