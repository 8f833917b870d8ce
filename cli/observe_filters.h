#pragma once
// The filter flags of `policyc observe`.

#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "compiler/support/result.h"
#include "loader/observe/filter.h"

namespace policyc::cli {

class ObserveFilters {
 public:
  void add_to(CLI::App& command);
  // After parsing, in the order of the command line: `--not` holds for the filter that follows it.
  // An Error names the flag and what it takes.
  [[nodiscard]] Result<observe::Filter> filter(const CLI::App& command) const;

 private:
  std::map<const CLI::Option*, const observe::FilterFlag*> flags_;
  const CLI::Option* negation_ = nullptr;
};

}  // namespace policyc::cli
