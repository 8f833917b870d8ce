#include "cli/observe_filters.h"

namespace policyc::cli {
namespace {

// "namespace,n" as "--namespace,-n".
std::string option_names(std::string_view name) {
  const std::size_t comma = name.find(',');
  std::string text = "--" + std::string(name.substr(0, comma));
  if (comma != std::string_view::npos) text += ",-" + std::string(name.substr(comma + 1));
  return text;
}

}  // namespace

void ObserveFilters::add_to(CLI::App& command) {
  constexpr const char* kGroup = "Filters (values of one flag: or; different flags: and)";
  for (const observe::FilterFlag& flag : observe::filter_flags()) {
    const std::string names = option_names(flag.name);
    const std::string help(flag.help);
    CLI::Option* option =
        flag.value.empty() ? command.add_flag(names, help) : command.add_option(names, help);
    if (!flag.value.empty()) {
      option->type_name(std::string(flag.value))
          ->expected(1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
    option->group(kGroup);
    flags_[option] = &flag;
  }
  const std::string help = "hide what the next filter shows";
  negation_ = command.add_flag("--not", help)->group(kGroup);
}

Result<observe::Filter> ObserveFilters::filter(const CLI::App& command) const {
  observe::Filter filter;
  std::map<const CLI::Option*, std::size_t> taken;
  bool negated = false;
  for (const CLI::Option* option : command.parse_order()) {
    if (option == negation_) {
      if (negated) return fail("--not: two before one filter");
      negated = true;
      continue;
    }
    const auto found = flags_.find(option);
    if (found == flags_.end()) continue;
    const observe::FilterFlag& flag = *found->second;
    const std::string value =
        flag.value.empty() ? std::string(flag.implied) : option->results().at(taken[option]++);
    if (auto added = filter.add(flag, value, negated); !added)
      return std::unexpected(added.error());
    negated = false;
  }
  if (negated) return fail("--not: no filter follows");
  return filter;
}

}  // namespace policyc::cli
