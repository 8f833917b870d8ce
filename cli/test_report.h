#pragma once
// Assertions that were checked, as findings and cases of a report.

#include "compiler/diag/finding.h"
#include "compiler/source/source.h"
#include "compiler/testlang/check.h"
#include "compiler/testlang/reader.h"

namespace policyc::cli {

// "PT0001" to "PT0004": what a test can find.
void add_test_rules(diag::Report& report);

// A text that is no suite.
void add_mistake(diag::Report& report, source::FileId file, const std::string& file_name,
                 const testlang::Mistake& mistake);

// A case for the assertion, which fails when it does. The policies that explain a failure are shown
// where `sources` has their files.
void add_checked(diag::Report& report, const source::SourceMap& sources, source::FileId file,
                 const testlang::Assertion& assertion, const testlang::Checked& checked,
                 double seconds);

}  // namespace policyc::cli
