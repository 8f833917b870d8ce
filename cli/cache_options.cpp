#include "cli/cache_options.h"

#include <cstdlib>
#include <ostream>

#include <unistd.h>

namespace policyc::cli {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

void add_cache_options(CLI::App& command, CacheArguments& arguments) {
  CLI::Option* folder = command.add_option("--cache", arguments.folder,
                                           "Folder of objects compiled before (default: "
                                           "$POLICYC_CACHE, or policyc in the user's cache)");
  command.add_flag("--no-cache", arguments.disabled, "Compile everything anew, keep nothing")
      ->excludes(folder);
}

std::optional<std::string> default_cache_folder() {
  if (auto folder = variable("POLICYC_CACHE")) {
    return folder->empty() ? std::nullopt : folder;
  }
  if (geteuid() == 0) return "/var/cache/policyc";
  // Relative paths in it are to be ignored, says the XDG base directory specification.
  if (const auto folder = variable("XDG_CACHE_HOME"); folder && folder->starts_with('/'))
    return *folder + "/policyc";
  if (const auto home = variable("HOME"); home && home->starts_with('/'))
    return *home + "/.cache/policyc";
  return std::nullopt;
}

std::optional<backend::ObjectCache> open_cache(const CacheArguments& arguments, Context& context) {
  if (arguments.disabled) return std::nullopt;
  const auto folder = arguments.folder ? arguments.folder : default_cache_folder();
  if (!folder) return std::nullopt;
  // Without it no key can be made, and the folder would stay empty.
  const auto key = backend::CacheKeyBuilder::start();
  auto cache = key ? backend::ObjectCache::open(*folder)
                   : Result<backend::ObjectCache>(std::unexpected(key.error()));
  if (!cache) {
    context.err << "policyc: warning: no cache: " << cache.error().message << "\n";
    return std::nullopt;
  }
  return std::move(*cache);
}

}  // namespace policyc::cli
