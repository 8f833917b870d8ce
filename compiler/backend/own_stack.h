#pragma once
// Runs work that may be torn out of itself: clang and LLVM, when they give up.
//
// A compilation that LLVM declares fatal is left by longjmp. What it had on its stack stays linked
// into lists that belong to the process (LLVM's timers, for one), so neither that memory nor that
// stack may be used again: the next compilation would write through the dangling links. The work
// therefore gets a thread with a stack of its own, which is given back only when the work came to
// its end.

#include <functional>

namespace policyc::backend {

enum class OwnStackResult {
  Finished,    // the work returned true
  Abandoned,   // the work returned false; its stack is kept for ever
  NotStarted,  // no memory or no thread; the work did not run
};

// Runs `work` on a new thread and waits for it.
[[nodiscard]] OwnStackResult run_on_own_stack(const std::function<bool()>& work);

// Calls `inner` with 64 KiB of unused stack between the caller's frame and inner's, so that the
// caller's further calls do not touch frames that inner's work left behind.
void with_stack_gap(const std::function<void()>& inner);

}  // namespace policyc::backend
