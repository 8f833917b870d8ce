#pragma once
// Columns of text.

#include <iosfwd>
#include <string>
#include <vector>

namespace policyc::cli {

using TableRow = std::vector<std::string>;
// The first row is the heading. Columns are as wide as their widest cell; the last one is not
// padded.
void print_table(const std::vector<TableRow>& rows, std::ostream& out);

}  // namespace policyc::cli
