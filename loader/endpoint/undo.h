#pragma once
// Steps back out of a change that did not complete.

#include <functional>
#include <utility>
#include <vector>

#include "compiler/support/result.h"

namespace policyc::endpoint {

// Runs what was registered, last first, unless the change was completed.
class Undo {
 public:
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) (*step)();
  }
  void add(std::function<void()> step) { steps_.push_back(std::move(step)); }
  void dismiss() { steps_.clear(); }

 private:
  std::vector<std::function<void()>> steps_;
};

// Undoing goes as far as it can; what cannot be undone is finished or swept by the next change.
template <class T>
void best_effort(const Result<T>& result) {
  static_cast<void>(result.has_value());
}

}  // namespace policyc::endpoint
