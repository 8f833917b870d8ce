#pragma once
// Small C texts and the objects made of them, shared by the tests of this folder.

#include <string>
#include <string_view>

#include "compiler/backend/backend.h"

namespace policyc::backend {

// A policy-like unit: one global function, one map, variables in .rodata, calls into the runtime's
// header.
extern const std::string_view kSamplePolicy;

// Compiles and fails the running test when that does not work.
Bytes object_of(std::string_view c_text);
// The error that compiling gives; fails the running test when there is none.
std::string error_of(std::string_view c_text, Output output = Output::Object);
std::string text_of(const Bytes& bytes);

}  // namespace policyc::backend
