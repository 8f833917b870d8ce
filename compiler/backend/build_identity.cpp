#include "compiler/backend/build_identity.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include "compiler/backend/clang_loader.h"
#include "compiler/backend/embedded.h"
#include "compiler/support/sha256.h"
#include "runtime/abi/abi.h"

namespace policyc::backend {
namespace {

constexpr std::size_t kMaxNoteBytes = 65536;
constexpr std::uint32_t kBuildIdNote = 3;  // NT_GNU_BUILD_ID
constexpr std::array<std::uint8_t, 4> kGnu{'G', 'N', 'U', 0};

constexpr std::size_t padded(std::size_t size) { return (size + 3) / 4 * 4; }

bool read_at(int fd, std::uint64_t offset, void* target, std::size_t size) {
  return pread(fd, target, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

std::optional<std::string> build_id_of(int fd) {
  Elf64_Ehdr header;
  if (!read_at(fd, 0, &header, sizeof(header)) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_phentsize != sizeof(Elf64_Phdr)) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (!read_at(fd, header.e_phoff + i * sizeof(segment), &segment, sizeof(segment))) {
      return std::nullopt;
    }
    if (segment.p_type != PT_NOTE || segment.p_filesz > kMaxNoteBytes) {
      continue;
    }
    std::vector<std::uint8_t> notes(segment.p_filesz);
    if (!read_at(fd, segment.p_offset, notes.data(), notes.size())) {
      continue;
    }
    if (auto id = build_id_in_notes(notes)) {
      return id;
    }
  }
  return std::nullopt;
}

struct OwnSearch {
  std::uintptr_t address;
  std::optional<std::string> id;
};

// For dl_iterate_phdr: the build id of the loaded file that an address lies in, out of memory, so
// that a file replaced since does not count.
int visit_loaded(dl_phdr_info* info, std::size_t, void* data) {
  auto& search = *static_cast<OwnSearch*>(data);
  const auto inside = [&](const Elf64_Phdr& segment) {
    const std::uintptr_t start = info->dlpi_addr + segment.p_vaddr;
    return segment.p_type == PT_LOAD && search.address >= start &&
           search.address - start < segment.p_memsz;
  };
  const std::span<const Elf64_Phdr> segments(info->dlpi_phdr, info->dlpi_phnum);
  if (std::ranges::none_of(segments, inside)) {
    return 0;
  }
  for (const auto& segment : segments) {
    if (segment.p_type == PT_NOTE && !search.id) {
      search.id = build_id_in_notes(
          {reinterpret_cast<const std::uint8_t*>(info->dlpi_addr + segment.p_vaddr),
           segment.p_memsz});
    }
  }
  return 1;
}

void add(Sha256& hash, std::string_view part) {
  hash.update(std::to_string(part.size()) + ":");
  hash.update(part);
}

Result<std::string> compute() {
  Sha256 hash;
  static const char kAnchor = 0;
  OwnSearch own{.address = reinterpret_cast<std::uintptr_t>(&kAnchor), .id = {}};
  dl_iterate_phdr(visit_loaded, &own);
  if (!own.id) {
    return fail("the executable has no build id");
  }
  add(hash, *own.id);
  const auto module = clang_module_file();
  if (!module) {
    return fail(std::string("the compiler module ") + kClangModuleFile + " is not there");
  }
  for (const std::string& library :
       {*module, std::string(POLICYC_CLANG_FILE), std::string(POLICYC_LLVM_FILE)}) {
    const auto id = build_id_of_file(library);
    if (!id) {
      return fail(library + " is not there or has no build id");
    }
    add(hash, *id);
  }
  for (const char* variable : {"LD_LIBRARY_PATH", "LD_PRELOAD"}) {
    const char* value = std::getenv(variable);
    add(hash, value == nullptr ? "" : value);
  }
  for (const auto& files : {runtime_headers(), runtime_objects()}) {
    for (const auto& file : files) {
      add(hash, file.path);
      add(hash, file.text());
    }
  }
  add(hash, std::to_string(POLICYC_ABI_VERSION));
  return hash.hex();
}

}  // namespace

std::optional<std::string> build_id_in_notes(std::span<const std::uint8_t> notes) {
  while (notes.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr header;
    std::memcpy(&header, notes.data(), sizeof(header));
    notes = notes.subspan(sizeof(header));
    const std::size_t name = padded(header.n_namesz);
    if (name > notes.size() || header.n_descsz > notes.size() - name) {
      return std::nullopt;
    }
    const auto content = notes.subspan(name, header.n_descsz);
    if (header.n_type == kBuildIdNote && header.n_namesz == kGnu.size() &&
        std::equal(kGnu.begin(), kGnu.end(), notes.begin()) && !content.empty()) {
      std::string id;
      for (const std::uint8_t byte : content) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        id += kDigits[byte >> 4U];
        id += kDigits[byte & 15U];
      }
      return id;
    }
    notes = notes.subspan(std::min(notes.size(), name + padded(header.n_descsz)));
  }
  return std::nullopt;
}

std::optional<std::string> build_id_of_file(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return std::nullopt;
  }
  auto id = build_id_of(fd);
  close(fd);
  return id;
}

Result<std::string> build_identity() {
  static const Result<std::string> identity = compute();
  return identity;
}

}  // namespace policyc::backend
