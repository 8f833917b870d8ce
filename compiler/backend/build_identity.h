#pragma once
// What, besides the text that is compiled, decides the bytes of an object: this build of policyc
// and the clang and LLVM that it runs.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "compiler/support/result.h"

namespace policyc::backend {

// SHA-256 in hexadecimal of: the build id (the linker's hash of all content) of the executable, of
// the clang module, and of the clang and LLVM libraries; what the loader's environment may put in
// their place; the embedded headers and datapath; the ABI version. Loads no library. An Error when
// one of them has no build id or is not where it was at build time: then objects cannot be told
// apart, and none may be cached. Computed once for a process.
[[nodiscard]] Result<std::string> build_identity();

// The build id of a 64-bit ELF file, in hexadecimal; nothing when it has none or is not ELF.
[[nodiscard]] std::optional<std::string> build_id_of_file(const std::string& path);
// The build id in the content of a PT_NOTE segment.
[[nodiscard]] std::optional<std::string> build_id_in_notes(std::span<const std::uint8_t> notes);

}  // namespace policyc::backend
