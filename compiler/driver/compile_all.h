#pragma once
// Many shapes at once, on several threads.

#include <chrono>
#include <functional>

#include "compiler/driver/compilation.h"

namespace policyc::driver {

// Compiles every shape on at most `threads` threads (0: one for each CPU that this process may use)
// and hands each result over in the order of `units`, on the calling thread, as soon as it and all
// before it are there, with the time that it took. Stops early, without starting further shapes,
// when `take` returns false. `sources` must not change meanwhile.
void compile_all(std::span<const ShapeUnit> units, const source::SourceMap& sources,
                 const ShapeOptions& options, unsigned threads,
                 const std::function<bool(const ShapeUnit&, Result<CompiledObject>,
                                          std::chrono::steady_clock::duration)>& take);

}  // namespace policyc::driver
