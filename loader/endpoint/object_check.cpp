#include "loader/endpoint/object_check.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <gelf.h>
#include <linux/bpf.h>

#include "loader/endpoint/datapath.h"
#include "loader/endpoint/rows.h"
#include "runtime/abi/policy.h"

namespace policyc::endpoint {
namespace {

constexpr std::string_view kCode = "tc";
constexpr std::array<std::string_view, 2> kSharedMaps{"policy_scratch", "policy_finish"};
constexpr std::array<int, 2> kHelpers{BPF_FUNC_map_lookup_elem, BPF_FUNC_tail_call};

Result<void> refuse(const std::string& why) { return fail("not an object of policies: " + why); }

struct EndElf {
  void operator()(Elf* elf) const { ::elf_end(elf); }
};

std::string_view section_name(Elf* elf, const GElf_Shdr& header) {
  std::size_t strings = 0;
  if (::elf_getshdrstrndx(elf, &strings) != 0) return {};
  const char* name = ::elf_strptr(elf, strings, header.sh_name);
  return name == nullptr ? std::string_view() : std::string_view(name);
}

// Sections that are loaded, by their name.
bool is_known(std::string_view name) {
  return name == kCode || name == ".maps" || name == "license" || name.starts_with(".rodata");
}

Result<void> check_symbols(Elf_Scn* section, const GElf_Shdr& header) {
  Elf_Data* data = ::elf_getdata(section, nullptr);
  if (data == nullptr || header.sh_entsize == 0) return refuse("its symbols cannot be read");
  const std::size_t count = data->d_size / header.sh_entsize;
  for (std::size_t i = 1; i < count; ++i) {
    GElf_Sym symbol{};
    if (::gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr)
      return refuse("its symbols cannot be read");
    if (symbol.st_shndx == SHN_UNDEF) return refuse("it refers to a symbol of somebody else");
  }
  return {};
}

Result<void> check_section(Elf* elf, Elf_Scn* section) {
  GElf_Shdr header{};
  if (::gelf_getshdr(section, &header) == nullptr) return refuse("its sections cannot be read");
  const std::string_view name = section_name(elf, header);
  const bool is_loaded = (header.sh_flags & SHF_ALLOC) != 0 && header.sh_size != 0;
  const bool is_code = (header.sh_flags & SHF_EXECINSTR) != 0 && header.sh_size != 0;
  if ((is_loaded && !is_known(name)) || (is_code && name != kCode))
    return refuse("it has a section " + std::string(name));
  if (header.sh_type == SHT_SYMTAB) return check_symbols(section, header);
  if (header.sh_type == SHT_RELA) return refuse("it has relocations with addends");
  if (header.sh_type != SHT_REL) return {};
  GElf_Shdr target{};
  Elf_Scn* relocated = ::elf_getscn(elf, header.sh_info);
  if (relocated == nullptr || ::gelf_getshdr(relocated, &target) == nullptr)
    return refuse("its relocations cannot be read");
  const std::string_view of = section_name(elf, target);
  if (of != kCode && of != ".BTF" && of != ".BTF.ext")
    return refuse("it has relocations of section " + std::string(of));
  return {};
}

bool is_helper_call(const bpf_insn& one) {
  return one.src_reg == 0 && std::ranges::find(kHelpers, one.imm) != kHelpers.end();
}

Result<void> check_program(const bpf::ProgramSpec& program) {
  if (program.type != BPF_PROG_TYPE_SCHED_CLS) return refuse(program.name + " is not for tc");
  bool second_half = false;  // of a 64-bit constant
  for (const bpf_insn& one : program.instructions) {
    if (std::exchange(second_half, false)) continue;
    const bool is_jump = BPF_CLASS(one.code) == BPF_JMP || BPF_CLASS(one.code) == BPF_JMP32;
    if (is_jump && BPF_OP(one.code) == BPF_CALL && !is_helper_call(one))
      return refuse(program.name + " calls what policies do not");
    if (one.code == (BPF_LD | BPF_IMM | BPF_DW)) {
      second_half = true;
      // What it means comes by relocation alone: else it may be any descriptor of this process.
      if (one.src_reg != 0) return refuse(program.name + " names a map by its number");
    }
  }
  return {};
}

// Of its value; nothing for a map that the shape does not have.
std::optional<std::size_t> value_size(const std::string& name, const ir::Shape& shape) {
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const ir::DirectionShape& part = shape.directions[direction];
    if (part.uses_rows() && name == rows_map_name(direction)) return sizeof(policy_rows_value);
    if (part.uses_matrix() && name == matrix_map_name(direction)) return part.row_bytes();
  }
  return std::nullopt;
}

Result<void> check_map(const bpf::Object& object, const bpf::MapSpec& map, const ir::Shape& shape) {
  if (object.pins_itself(map.name)) return refuse("map " + map.name + " says where it is pinned");
  // Of these the node's own take their place, which must be alike.
  if (std::ranges::find(kSharedMaps, map.name) != kSharedMaps.end()) return {};
  const auto size = value_size(map.name, shape);
  if (!size) return refuse("it has a map " + map.name);
  if (map.type != BPF_MAP_TYPE_ARRAY || map.key_size != sizeof(std::uint32_t) ||
      map.value_size != *size || map.flags != 0)
    return refuse("map " + map.name + " is not what its shape says");
  return {};
}

}  // namespace

Result<void> check_policy_file(std::span<const std::uint8_t> bytes) {
  if (::elf_version(EV_CURRENT) == EV_NONE) return fail("libelf is too old");
  // Read only: the library wants a pointer to what it could change.
  auto* image = const_cast<char*>(reinterpret_cast<const char*>(bytes.data()));
  const std::unique_ptr<Elf, EndElf> elf(::elf_memory(image, bytes.size()));
  GElf_Ehdr header{};
  if (!elf || ::gelf_getehdr(elf.get(), &header) == nullptr || header.e_machine != EM_BPF)
    return refuse("it is not an ELF file for BPF");
  Elf_Scn* section = nullptr;
  while ((section = ::elf_nextscn(elf.get(), section)) != nullptr) {
    if (auto checked = check_section(elf.get(), section); !checked) return checked;
  }
  return {};
}

Result<void> check_policy_object(const bpf::Object& object, const ir::Shape& shape) {
  std::set<std::string_view> expected{policy_program_name(0), policy_program_name(1)};
  const auto programs = object.program_specs();
  for (const bpf::ProgramSpec& program : programs) {
    if (expected.erase(program.name) == 0) return refuse("it has a program " + program.name);
    if (auto checked = check_program(program); !checked) return checked;
  }
  if (!expected.empty()) return refuse("it has no program " + std::string(*expected.begin()));
  for (const bpf::MapSpec& map : object.maps()) {
    if (auto checked = check_map(object, map, shape); !checked) return checked;
  }
  return {};
}

}  // namespace policyc::endpoint
