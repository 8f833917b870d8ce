#pragma once
// The edge between policyc_backend and libpolicyc_clang.so, the module that holds clang and LLVM
// and is opened at the first compilation (docs/decisions/0001-clang-in-a-module.md). Both sides
// come from one build; the interface number and the size of the request catch a module left over
// from another one. Nothing that owns memory crosses the edge.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace policyc::backend {

inline constexpr std::uint32_t kClangInterface = 1;
inline constexpr const char* kClangModuleSymbol = "policyc_clang_module";
inline constexpr const char* kClangModuleFile = "libpolicyc_clang.so";

// A text that clang reads; the byte after its end must be a NUL.
struct ClangFile {
  std::string_view path;
  std::string_view text;
};

enum class ClangOutput : std::uint32_t { Object, LlvmIr, Assembly };
enum class ClangSeverity : std::uint32_t { Note, Warning, Error };

struct ClangRequest {
  ClangOutput output = ClangOutput::Object;
  ClangFile main;                      // its path is what messages and line information name
  std::span<const ClangFile> headers;  // the whole file system of the compilation, relative paths
  std::span<const ClangFile>
      line_sources;  // texts of files that #line names, for BTF line information
};

struct ClangMessage {
  ClangSeverity severity = ClangSeverity::Error;
  std::string_view file;  // empty when the message has no place
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string_view text;
};

// Receives what the compilation makes. Called on the compiling thread; may not throw.
class ClangReceiver {
 public:
  ClangReceiver() = default;
  ClangReceiver(const ClangReceiver&) = delete;
  ClangReceiver& operator=(const ClangReceiver&) = delete;
  virtual ~ClangReceiver() = default;
  virtual void message(const ClangMessage& message) noexcept = 0;
  virtual void output(
      std::span<const char> bytes) noexcept = 0;  // once, only when there was no error
};

// Returns true when output() was called; otherwise at least one message of severity Error was
// given.
using ClangCompile = bool (*)(const ClangRequest& request, ClangReceiver& receiver) noexcept;

struct ClangModule {
  std::uint32_t interface_number;
  std::uint32_t request_size;
  ClangCompile compile;
};

}  // namespace policyc::backend
