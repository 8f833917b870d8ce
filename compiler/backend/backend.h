#pragma once
// C text to BPF object bytes with clang and LLVM in this process: no child process, no temporary
// file, nothing on disk readable from the C. Knows no policy. Thread-safe: each call has its own
// compiler instance.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/support/result.h"

namespace policyc::backend {

using Bytes = std::vector<std::uint8_t>;

enum class Output : std::uint8_t { Object, LlvmIr, Assembly };

struct CompileMessage {
  bool error = false;
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string text;
};

struct CompileResult {
  Bytes output;                          // ELF bytes, or text
  std::vector<CompileMessage> messages;  // warnings
};

// The text of a file that `#line` names, so that BTF line information can quote it; without it the
// quote is empty.
struct SourceText {
  std::string_view file_name;
  std::string_view text;
};

// Compiles one translation unit as gnu11 for BPF (cpu v3, -O2, BTF). `file_name` is what line
// information names; the runtime's headers are available as "runtime/abi/abi.h" and so on. A clang
// or LLVM error, also one that LLVM treats as fatal, is returned as an Error whose text holds
// file:line:column and message. An object has BTF and no DWARF; the texts of LlvmIr and Assembly
// are without debug information. Inline assembly other than the empty string is refused (it could
// read files).
[[nodiscard]] Result<CompileResult> compile(std::string_view file_name, std::string_view c_text,
                                            Output output,
                                            std::span<const SourceText> line_sources = {});

// The datapath, compiled when policyc was built: the programs that every node loads once.
[[nodiscard]] std::span<const std::uint8_t> datapath_object();
// Load balancing of sockets (runtime/prog/socket.bpf.c), compiled at the same time.
[[nodiscard]] std::span<const std::uint8_t> socket_object();
// What destroys sockets (runtime/prog/socket_cut.bpf.c).
[[nodiscard]] std::span<const std::uint8_t> socket_cut_object();
// The programs of the node's devices (runtime/prog/device.bpf.c, xdp.bpf.c).
[[nodiscard]] std::span<const std::uint8_t> device_object();
[[nodiscard]] std::span<const std::uint8_t> xdp_object();

// Sets the initial bytes of a `const volatile` variable in an object's .rodata, in the target's
// (little-endian) order. The size must be that of the variable; nothing changes on an Error.
[[nodiscard]] Result<void> set_rodata(Bytes& object, std::string_view variable,
                                      std::span<const std::uint8_t> value);

// Adds sections that the kernel never sees (no BTF, not allocated), in order, or reads them back.
// The names must be new to the object. Adding several at once costs what adding one does.
struct NamedSection {
  std::string_view name;
  std::span<const std::uint8_t> content;
};
[[nodiscard]] Result<Bytes> add_sections(std::span<const std::uint8_t> object,
                                         std::span<const NamedSection> sections);
[[nodiscard]] Result<Bytes> add_section(std::span<const std::uint8_t> object, std::string_view name,
                                        std::span<const std::uint8_t> content);
[[nodiscard]] Result<Bytes> read_section(std::span<const std::uint8_t> object,
                                         std::string_view name);
// Every section whose name starts with `prefix`, in the object's order; one name may come twice.
[[nodiscard]] Result<std::vector<std::pair<std::string, Bytes>>> read_sections(
    std::span<const std::uint8_t> object, std::string_view prefix);

struct FunctionInfo {
  std::string section;
  std::string name;
  std::size_t instructions = 0;
};
struct MapInfo {
  std::string name;
};
struct ObjectInfo {
  std::vector<FunctionInfo> functions;
  std::vector<MapInfo> maps;
  std::vector<std::pair<std::string, std::size_t>> sections;  // name, bytes
  std::size_t instructions = 0;
  bool has_btf = false;
};
// Reads an ELF of ours; hostile or truncated bytes give an Error, never a crash.
[[nodiscard]] Result<ObjectInfo> inspect(std::span<const std::uint8_t> object);

}  // namespace policyc::backend
