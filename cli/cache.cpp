#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <system_error>

#include "cli/cache_options.h"
#include "cli/command.h"

namespace policyc::cli {
namespace {

// A folder that is not there is an empty cache; it is not made.
Result<backend::CacheUsage> count_or_clear(const std::string& folder, bool clear) {
  std::error_code error;
  if (std::filesystem::status(folder, error).type() == std::filesystem::file_type::not_found)
    return backend::CacheUsage{};
  auto cache = backend::ObjectCache::open(folder);
  if (!cache) return std::unexpected(cache.error());
  return clear ? cache->clear() : cache->usage();
}

int look_at_cache(const std::optional<std::string>& asked, bool clear, Context& context) {
  const auto folder = asked ? asked : default_cache_folder();
  if (!folder) {
    context.err << "policyc: cache: no folder: give --cache DIR\n";
    return kUsage;
  }
  const auto usage = count_or_clear(*folder, clear);
  if (!usage) {
    context.err << "policyc: cache: " << usage.error().message << "\n";
    return kUnreadable;
  }
  context.out << *folder << ": " << (clear ? "removed " : "") << usage->entries
              << (usage->entries == 1 ? " object, " : " objects, ") << usage->bytes << " bytes";
  if (!clear) {
    const backend::CacheLimits limits;
    context.out << " (at most " << limits.max_entries << " objects, " << limits.max_bytes
                << " bytes)";
  }
  context.out << "\n";
  return kSuccess;
}

}  // namespace

void add_cache(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("cache", "Look at or empty the cache of compiled objects");
  command->require_subcommand(1);
  for (const bool clear : {false, true}) {
    auto folder = std::make_shared<std::optional<std::string>>();
    CLI::App* verb = clear ? command->add_subcommand("clear", "Remove every object")
                           : command->add_subcommand("stat", "Count objects and bytes");
    verb->add_option("--cache", *folder, "The folder (default: that of `policyc compile`)");
    verb->callback(
        [folder, clear, &context] { context.exit_code = look_at_cache(*folder, clear, context); });
  }
}

}  // namespace policyc::cli
