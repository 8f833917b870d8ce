#include "compiler/backend/clang_loader.h"

#include <atomic>
#include <filesystem>
#include <system_error>
#include <vector>

#include <dlfcn.h>

namespace policyc::backend {
namespace {

std::vector<std::string> search_folders() {
  std::vector<std::string> folders;
  std::error_code error;
  const auto executable = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    const auto folder = executable.parent_path();
    folders.push_back(folder.string());
    folders.push_back((folder.parent_path() / "lib" / "policyc").string());
  }
  folders.emplace_back(POLICYC_MODULE_FOLDER);
  return folders;
}

}  // namespace

Result<ClangCompile> open_clang_module(std::span<const std::string> folders) {
  std::string looked_in;
  for (const auto& folder : folders) {
    const std::string path = folder + "/" + kClangModuleFile;
    std::error_code error;
    if (!std::filesystem::exists(path, error)) {
      looked_in += (looked_in.empty() ? "" : ", ") + folder;
      continue;
    }
    void* handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (handle == nullptr) {
      return fail(std::string("cannot load the compiler module: ") + dlerror());
    }
    const auto* module = static_cast<const ClangModule*>(dlsym(handle, kClangModuleSymbol));
    if (module == nullptr || module->interface_number != kClangInterface ||
        module->request_size != sizeof(ClangRequest)) {
      dlclose(handle);
      return fail("the compiler module " + path + " belongs to another version of policyc");
    }
    return module->compile;
  }
  return fail(std::string("the compiler module ") + kClangModuleFile + " is not in " + looked_in);
}

std::optional<std::string> clang_module_file() {
  for (const auto& folder : search_folders()) {
    std::string path = folder + "/" + kClangModuleFile;
    std::error_code error;
    if (std::filesystem::exists(path, error)) {
      return path;
    }
  }
  return std::nullopt;
}

Result<ClangCompile> clang_module() {
  static std::atomic<ClangCompile> opened{nullptr};
  if (const auto compile = opened.load(std::memory_order_acquire)) {
    return compile;
  }
  auto compile = open_clang_module(search_folders());
  if (compile) {
    opened.store(*compile, std::memory_order_release);
  }
  return compile;
}

}  // namespace policyc::backend
