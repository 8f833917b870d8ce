#pragma once
// What is done to a module between clang's front end and LLVM's optimisation. Part of
// clang_backend.cpp, which alone includes this file; both passes keep a compilation from reading
// the disk.

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <llvm/ADT/DenseSet.h>
#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/PassManager.h>
#include <llvm/Transforms/Utils/ValueMapper.h>

#include "compiler/backend/clang_module.h"

namespace policyc::backend {

inline llvm::StringRef ref(std::string_view text) { return {text.data(), text.size()}; }

// BTF line information quotes source lines. LLVM's BTF writer opens a file by its `#line` name on
// the real disk when the metadata does not hold its text, so every file is given one: the caller's,
// or the empty text.
class PinSources : public llvm::PassInfoMixin<PinSources> {
 public:
  // NOLINTNEXTLINE(readability-identifier-naming): LLVM asks by this name; is_wanted() has no say.
  static bool isRequired() { return true; }

  explicit PinSources(const ClangRequest& request) : request_(&request) {}

  // NOLINTNEXTLINE(readability-identifier-naming): LLVM calls it by this name.
  llvm::PreservedAnalyses run(llvm::Module& module, llvm::ModuleAnalysisManager&) {
    collect(module);
    llvm::ValueToValueMapTy replacements;
    for (const auto* file : files_) {
      auto* source = llvm::MDString::get(module.getContext(), text_of(file->getFilename()));
      replacements.MD()[file].reset(llvm::DIFile::get(module.getContext(), file->getRawFilename(),
                                                      file->getRawDirectory(),
                                                      file->getRawChecksum(), source));
    }
    llvm::ValueMapper mapper(replacements,
                             llvm::RF_ReuseAndMutateDistinctMDs | llvm::RF_IgnoreMissingLocals);
    for (auto& function : module) {
      mapper.remapFunction(function);
    }
    for (auto& global : module.globals()) {
      mapper.remapGlobalObjectMetadata(global);
    }
    for (auto& named : module.named_metadata()) {
      for (unsigned i = 0; i < named.getNumOperands(); ++i) {
        named.setOperand(i, mapper.mapMDNode(*named.getOperand(i)));
      }
    }
    return llvm::PreservedAnalyses::none();
  }

 private:
  void collect(const llvm::Module& module) {
    for (const auto& named : module.named_metadata()) {
      for (const auto* node : named.operands()) {
        visit(node);
      }
    }
    for (const auto& global : module.global_objects()) {
      llvm::SmallVector<std::pair<unsigned, llvm::MDNode*>, 4> attached;
      global.getAllMetadata(attached);
      for (const auto& [kind, node] : attached) {
        visit(node);
      }
    }
    for (const auto& function : module) {
      for (const auto& instruction : llvm::instructions(function)) {
        visit(instruction.getDebugLoc().getAsMDNode());
        for (const auto& record : instruction.getDbgRecordRange()) {
          visit(record.getDebugLoc().getAsMDNode());
        }
      }
    }
  }

  void visit(const llvm::MDNode* root) {
    llvm::SmallVector<const llvm::MDNode*, 32> pending{root};
    while (!pending.empty()) {
      const auto* node = pending.pop_back_val();
      if (node == nullptr || !seen_.insert(node).second) {
        continue;
      }
      if (const auto* file = llvm::dyn_cast<llvm::DIFile>(node)) {
        files_.push_back(file);
        continue;
      }
      for (const auto& operand : node->operands()) {
        pending.push_back(llvm::dyn_cast_or_null<llvm::MDNode>(operand.get()));
      }
    }
  }

  [[nodiscard]] llvm::StringRef text_of(llvm::StringRef name) const {
    const auto find = [name](std::span<const ClangFile> files) {
      return std::ranges::find_if(files,
                                  [name](const ClangFile& file) { return ref(file.path) == name; });
    };
    if (const auto found = find(request_->line_sources); found != request_->line_sources.end()) {
      return ref(found->text);
    }
    if (const auto found = find(request_->headers); found != request_->headers.end()) {
      return ref(found->text);
    }
    return ref(request_->main.path) == name ? ref(request_->main.text) : "";
  }

  const ClangRequest* request_;
  llvm::DenseSet<const llvm::MDNode*> seen_;
  std::vector<const llvm::DIFile*> files_;
};

// Which of -O2's passes run. Generated code is short, straight and already has its shape: what is
// left to do is inlining, promoting locals, folding and unrolling; the other hundred passes look at
// it in vain, for a fifth of the time that a compilation takes. Code generation and the BPF
// target's own passes are not asked about.
inline bool is_wanted(llvm::StringRef pass) {
  static constexpr llvm::StringRef kWanted[] = {"ADCEPass",
                                                "AlwaysInlinerPass",
                                                "EarlyCSEPass",
                                                "GlobalDCEPass",
                                                "IndVarSimplifyPass",
                                                "InlinerPass",
                                                "InstCombinePass",
                                                "LCSSAPass",
                                                "LoopFullUnrollPass",
                                                "LoopRotatePass",
                                                "LoopSimplifyPass",
                                                "LoopUnrollPass",
                                                "ModuleInlinerWrapperPass",
                                                "SROAPass",
                                                "SimplifyCFGPass"};
  static constexpr llvm::StringRef kContainers[] = {"BPF", "PassManager", "Adaptor", "Repeated"};
  const auto names = [pass](llvm::StringRef part) { return pass.contains(part); };
  return std::ranges::find(kWanted, pass) != std::end(kWanted) ||
         std::ranges::any_of(kContainers, names);
}

// Inline assembly can read files (`.incbin`) and is not needed; an empty text, a barrier, is
// harmless. There is no parser for it in the process either, so a text that is refused has to go
// before code generation meets it.
class RefuseAssembly : public llvm::PassInfoMixin<RefuseAssembly> {
 public:
  // NOLINTNEXTLINE(readability-identifier-naming): LLVM asks by this name; is_wanted() has no say.
  static bool isRequired() { return true; }

  // NOLINTNEXTLINE(readability-identifier-naming): LLVM calls it by this name.
  llvm::PreservedAnalyses run(llvm::Module& module, llvm::ModuleAnalysisManager&) {
    auto& context = module.getContext();
    if (!module.getModuleInlineAsm().empty()) {
      context.emitError("assembly outside of functions is not allowed");
      module.setModuleInlineAsm("");
    }
    for (auto& function : module) {
      for (auto& instruction : llvm::instructions(function)) {
        auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
        const auto* assembly =
            call == nullptr ? nullptr : llvm::dyn_cast<llvm::InlineAsm>(call->getCalledOperand());
        if (assembly != nullptr && !assembly->getAsmString().empty()) {
          context.emitError(call, "inline assembly is not allowed");
          call->setCalledOperand(llvm::InlineAsm::get(assembly->getFunctionType(), "",
                                                      assembly->getConstraintString(),
                                                      assembly->hasSideEffects()));
        }
      }
    }
    return llvm::PreservedAnalyses::none();
  }
};

}  // namespace policyc::backend
