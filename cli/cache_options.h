#pragma once
// Where compiled objects are cached, for the commands that compile or look at the cache.

#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "compiler/backend/cache.h"

namespace policyc::cli {

struct CacheArguments {
  std::optional<std::string> folder;  // --cache; else default_cache_folder()
  bool disabled = false;              // --no-cache
};

void add_cache_options(CLI::App& command, CacheArguments& arguments);

// $POLICYC_CACHE; else /var/cache/policyc for root; else $XDG_CACHE_HOME/policyc; else
// ~/.cache/policyc. Nothing when POLICYC_CACHE is empty, or there is no home.
[[nodiscard]] std::optional<std::string> default_cache_folder();

// The cache; nothing, with a warning where that is not what was asked for, when there is none.
[[nodiscard]] std::optional<backend::ObjectCache> open_cache(const CacheArguments& arguments,
                                                             Context& context);

}  // namespace policyc::cli
