// The only translation unit that includes clang and LLVM headers. It is slow and large to compile:
// keep it small and change it seldom. What it needs to know arrives as text through clang_module.h.

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <clang/Basic/Diagnostic.h>
#include <clang/CodeGen/CodeGenAction.h>
#include <clang/Frontend/CompilerInstance.h>
#include <clang/Frontend/CompilerInvocation.h>
#include <clang/Lex/PreprocessorOptions.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/CrashRecoveryContext.h>
#include <llvm/Support/ErrorHandling.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/VirtualFileSystem.h>
#include <malloc.h>

#include "compiler/backend/clang_module.h"
#include "compiler/backend/clang_passes.h"
#include "compiler/backend/own_stack.h"

namespace policyc::backend {
namespace {

// The name of the main file inside clang; messages and line information carry request.main.path
// instead.
constexpr const char* kMainFile = "policyc-main.c";

constexpr unsigned kFatalExit = 70;

constexpr int kKeptHeapBytes = 64 << 20;
constexpr int kHeapStepBytes = 4 << 20;

// What report_fatal_error said on this thread.
thread_local std::string fatal_reason;

void on_fatal_error(void*, const char* reason, bool) {
  fatal_reason = reason;
  if (auto* context = llvm::CrashRecoveryContext::GetCurrent()) {
    context->HandleExit(kFatalExit);
  }
}

void initialise_once() {
  static std::once_flag flag;
  std::call_once(flag, [] {
    LLVMInitializeBPFTargetInfo();
    LLVMInitializeBPFTarget();
    LLVMInitializeBPFTargetMC();
    LLVMInitializeBPFAsmPrinter();
    // A compilation takes some megabytes and gives them back; the next one is to find them still
    // mapped (a tenth of its time otherwise).
    mallopt(M_TRIM_THRESHOLD, kKeptHeapBytes);
    mallopt(M_TOP_PAD, kHeapStepBytes);
    llvm::CrashRecoveryContext::Enable();
    llvm::install_fatal_error_handler(on_fatal_error);
  });
}

std::string_view view(llvm::StringRef text) { return {text.data(), text.size()}; }

// Hands every message, front end and back end, to the receiver; nothing reaches stderr.
class Messages final : public clang::DiagnosticConsumer {
 public:
  explicit Messages(ClangReceiver& receiver) : receiver_(receiver) {}

  void HandleDiagnostic(clang::DiagnosticsEngine::Level level,
                        const clang::Diagnostic& info) override {
    clang::DiagnosticConsumer::HandleDiagnostic(level, info);
    if (level < clang::DiagnosticsEngine::Note || level == clang::DiagnosticsEngine::Remark) {
      return;
    }
    llvm::SmallString<128> text;
    info.FormatDiagnostic(text);
    ClangMessage message{
        .severity = severity(level), .file = {}, .line = 0, .column = 0, .text = view(text.str())};
    if (info.hasSourceManager() && info.getLocation().isValid()) {
      const auto place = info.getSourceManager().getPresumedLoc(info.getLocation());
      if (place.isValid()) {
        const llvm::StringRef name = place.getFilename();
        message.file = view(name.starts_with("./") ? name.drop_front(2) : name);
        message.line = place.getLine();
        message.column = place.getColumn();
      }
    }
    receiver_.message(message);
  }

 private:
  static ClangSeverity severity(clang::DiagnosticsEngine::Level level) {
    switch (level) {
      case clang::DiagnosticsEngine::Note:
        return ClangSeverity::Note;
      case clang::DiagnosticsEngine::Warning:
        return ClangSeverity::Warning;
      default:
        return ClangSeverity::Error;
    }
  }

  ClangReceiver& receiver_;
};

std::vector<const char*> arguments(ClangOutput output) {
  // `-disable-free`, which the driver would add, leaks a compilation's memory. Clang puts "./"
  // before the headers' paths; the maps take it away from line information and __FILE__.
  std::vector<const char*> list = {"-triple",
                                   "bpfel",
                                   "-disable-llvm-verifier",
                                   "-discard-value-names",
                                   "-main-file-name",
                                   kMainFile,
                                   "-mrelocation-model",
                                   "static",
                                   "-mframe-pointer=all",
                                   "-fmath-errno",
                                   "-target-cpu",
                                   "v3",
                                   "-nostdsysteminc",
                                   "-nobuiltininc",
                                   "-ferror-limit",
                                   "19",
                                   "-fgnuc-version=4.2.1",
                                   "-std=gnu11",
                                   "-Wall",
                                   "-O2",
                                   "-source-date-epoch",
                                   "0",
                                   "-undef",
                                   "-I",
                                   ".",
                                   "-fdebug-prefix-map=./=",
                                   "-fmacro-prefix-map=./="};
  switch (output) {
    case ClangOutput::Object:
      // BTF is made from debug information. Asked for CodeView, which BPF does not have, LLVM
      // writes no DWARF beside it but the frames, which strip_debug() drops.
      list.insert(list.end(), {"-emit-obj", "-debug-info-kind=constructor", "-gcodeview"});
      break;
    case ClangOutput::LlvmIr:
      list.push_back("-emit-llvm");
      break;
    case ClangOutput::Assembly:
      list.push_back("-S");
      break;
  }
  list.insert(list.end(), {"-x", "c", kMainFile});
  return list;
}

std::unique_ptr<clang::FrontendAction> action(ClangOutput output) {
  switch (output) {
    case ClangOutput::LlvmIr:
      return std::make_unique<clang::EmitLLVMAction>();
    case ClangOutput::Assembly:
      return std::make_unique<clang::EmitAssemblyAction>();
    default:
      return std::make_unique<clang::EmitObjAction>();
  }
}

llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem> file_system(std::span<const ClangFile> headers) {
  auto files = llvm::makeIntrusiveRefCnt<llvm::vfs::InMemoryFileSystem>();
  for (const auto& header : headers) {
    files->addFile(ref(header.path), 0,
                   llvm::MemoryBuffer::getMemBuffer(ref(header.text), ref(header.path)));
  }
  return files;
}

// The `#line` makes clang speak of the caller's file; the name has no control characters
// (compile.cpp sees to it).
std::string named_text(const ClangFile& main) {
  std::string text = "#line 1 \"";
  for (const char c : main.path) {
    if (c == '"' || c == '\\') {
      text += '\\';
    }
    text += c;
  }
  text += "\"\n";
  text += main.text;
  return text;
}

// False when there was an error; a back-end error leaves bytes in `output` that are not to be used.
// May never return.
bool run(const ClangRequest& request, Messages& messages, llvm::SmallVectorImpl<char>& output) {
  auto invocation = std::make_shared<clang::CompilerInvocation>();
  const auto argument_errors =
      clang::CompilerInstance::createDiagnostics(new clang::DiagnosticOptions, &messages,
                                                 /*ShouldOwnClient=*/false);
  if (!clang::CompilerInvocation::CreateFromArgs(*invocation, arguments(request.output),
                                                 *argument_errors)) {
    return false;
  }
  invocation->getDiagnosticOpts().ShowCarets = 0;  // else clang prints "1 error generated." itself
  invocation->getCodeGenOpts().PassBuilderCallbacks.emplace_back(
      [&request](llvm::PassBuilder& builder) {
        builder.getPassInstrumentationCallbacks()->registerShouldRunOptionalPassCallback(
            [](llvm::StringRef pass, llvm::Any) { return is_wanted(pass); });
        builder.registerPipelineStartEPCallback(
            [&request](llvm::ModulePassManager& passes, llvm::OptimizationLevel) {
              passes.addPass(RefuseAssembly());
              passes.addPass(PinSources(request));
            });
      });
  const auto text = llvm::MemoryBuffer::getMemBufferCopy(named_text(request.main), kMainFile);
  invocation->getPreprocessorOpts().addRemappedFile(kMainFile, text.get());
  invocation->getPreprocessorOpts().RetainRemappedFileBuffers = true;
  const auto compiler = std::make_unique<clang::CompilerInstance>();
  compiler->setVerboseOutputStream(llvm::nulls());
  compiler->setInvocation(std::move(invocation));
  compiler->createDiagnostics(
      &messages, /*ShouldOwnClient=*/false);  // after the invocation, whose -Wall it takes over
  compiler->createFileManager(file_system(request.headers));
  compiler->setOutputStream(std::make_unique<llvm::raw_svector_ostream>(output));
  const auto emit = action(request.output);
  return compiler->ExecuteAction(*emit) && messages.getNumErrors() == 0;
}

ClangMessage plain_error(std::string_view text) {
  return {.severity = ClangSeverity::Error, .file = {}, .line = 0, .column = 0, .text = text};
}

struct Outcome {
  bool ok = false;
  llvm::SmallVector<char, 0> output;
  std::string crash;  // why the compilation did not come to its end
};

// True when the compilation came to its end, with errors or without.
bool run_guarded(const ClangRequest& request, Messages& messages, Outcome& outcome) {
  // Neither this nor clang's objects are destroyed after a crash: they are in an unknown state.
  auto context = std::make_unique<llvm::CrashRecoveryContext>();
  fatal_reason.clear();
  const bool finished = context->RunSafely(
      [&] { with_stack_gap([&] { outcome.ok = run(request, messages, outcome.output); }); });
  if (!finished) {
    const int code = context.release()->RetCode;
    outcome.crash = fatal_reason.empty() ? "clang crashed, code " + std::to_string(code)
                                         : "LLVM: " + fatal_reason;
  }
  return finished;
}

bool compile(const ClangRequest& request, ClangReceiver& receiver) noexcept {
  initialise_once();
  // Also what a crashed compilation points to has to stay.
  auto messages = std::make_unique<Messages>(receiver);
  auto outcome = std::make_unique<Outcome>();
  switch (run_on_own_stack([&] { return run_guarded(request, *messages, *outcome); })) {
    case OwnStackResult::Finished:
      break;
    case OwnStackResult::NotStarted:
      receiver.message(plain_error("no memory or thread for a compilation"));
      return false;
    case OwnStackResult::Abandoned:
      receiver.message(plain_error(outcome->crash));
      (void)messages.release();
      (void)outcome.release();
      return false;
  }
  if (!outcome->ok) {
    if (messages->getNumErrors() == 0) {
      receiver.message(plain_error("clang failed without a message"));
    }
    return false;
  }
  receiver.output({outcome->output.data(), outcome->output.size()});
  return true;
}

}  // namespace
}  // namespace policyc::backend

extern "C" __attribute__((visibility("default")))
const policyc::backend::ClangModule policyc_clang_module;
const policyc::backend::ClangModule policyc_clang_module = {
    .interface_number = policyc::backend::kClangInterface,
    .request_size = sizeof(policyc::backend::ClangRequest),
    .compile = policyc::backend::compile,
};
