#include <algorithm>

#include "compiler/backend/backend.h"
#include "compiler/backend/clang_loader.h"
#include "compiler/backend/elf_edit.h"
#include "compiler/backend/embedded.h"

namespace policyc::backend {
namespace {

constexpr std::size_t kMaxTextBytes = std::size_t{64}
                                      << 20;  // clang's source positions have 31 bits

std::string place(const ClangMessage& message) {
  if (message.file.empty()) {
    return {};
  }
  return std::string(message.file) + ":" + std::to_string(message.line) + ":" +
         std::to_string(message.column) + ": ";
}

// Keeps what clang says. A note belongs to the message before it.
class Collector final : public ClangReceiver {
 public:
  void message(const ClangMessage& message) noexcept override {
    if (message.severity == ClangSeverity::Note) {
      if (!messages.empty()) {
        messages.back().text += "\n  note: " + place(message) + std::string(message.text);
      }
      return;
    }
    messages.push_back({.error = message.severity == ClangSeverity::Error,
                        .file = std::string(message.file),
                        .line = message.line,
                        .column = message.column,
                        .text = std::string(message.text)});
  }

  void output(std::span<const char> content) noexcept override {
    bytes.assign(content.begin(), content.end());
  }

  std::vector<CompileMessage> messages;
  Bytes bytes;
};

Error to_error(std::string_view file_name, const std::vector<CompileMessage>& messages) {
  std::string text;
  for (const auto& message : messages) {
    if (!message.error) {
      continue;
    }
    text += text.empty() ? "" : "\n";
    text += message.file.empty() ? std::string(file_name) + ": "
                                 : message.file + ":" + std::to_string(message.line) + ":" +
                                       std::to_string(message.column) + ": ";
    text += "error: " + message.text;
  }
  return Error{text};
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

ClangOutput to_clang(Output output) {
  switch (output) {
    case Output::LlvmIr:
      return ClangOutput::LlvmIr;
    case Output::Assembly:
      return ClangOutput::Assembly;
    case Output::Object:
      break;
  }
  return ClangOutput::Object;
}

// The embedded object of that name; empty when there is none.
std::span<const std::uint8_t> runtime_object(std::string_view name) {
  const std::string path = "runtime/" + std::string(name) + ".bpf.o";
  for (const EmbeddedFile& file : runtime_objects()) {
    if (file.path == path) return file.bytes;
  }
  return {};
}

}  // namespace

Result<CompileResult> compile(std::string_view file_name, std::string_view c_text, Output output,
                              std::span<const SourceText> line_sources) {
  if (file_name.empty() || std::ranges::any_of(file_name, is_control)) {
    return fail("the name of a C file may not be empty or hold control characters");
  }
  if (c_text.size() > kMaxTextBytes) {
    return fail(std::string(file_name) + ": more than 64 MiB of C");
  }
  auto module = clang_module();
  if (!module) {
    return std::unexpected(module.error());
  }
  std::vector<ClangFile> headers;
  for (const auto& file : runtime_headers()) {
    headers.push_back({.path = file.path, .text = file.text()});
  }
  std::vector<ClangFile> sources;
  for (const auto& source : line_sources) {
    sources.push_back({.path = source.file_name, .text = source.text});
  }
  const ClangRequest request{.output = to_clang(output),
                             .main = {.path = file_name, .text = c_text},
                             .headers = headers,
                             .line_sources = sources};
  Collector collector;
  if (!(*module)(request, collector)) {
    return std::unexpected(to_error(file_name, collector.messages));
  }
  CompileResult result{.output = std::move(collector.bytes),
                       .messages = std::move(collector.messages)};
  if (output == Output::Object) {
    auto stripped = strip_debug(result.output);
    if (!stripped) {
      return std::unexpected(stripped.error());
    }
    result.output = std::move(*stripped);
  }
  return result;
}

std::span<const std::uint8_t> datapath_object() { return runtime_object("datapath"); }
std::span<const std::uint8_t> socket_object() { return runtime_object("socket"); }
std::span<const std::uint8_t> socket_cut_object() { return runtime_object("socket_cut"); }
std::span<const std::uint8_t> device_object() { return runtime_object("device"); }
std::span<const std::uint8_t> xdp_object() { return runtime_object("xdp"); }

}  // namespace policyc::backend
