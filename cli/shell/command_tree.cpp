#include "cli/shell/command_tree.h"

namespace policyc::cli {
namespace {

// CLI11 writes the members of a set behind the type: "TEXT:{text,json}".
std::vector<std::string> choices_in(const std::string& type) {
  std::vector<std::string> result;
  const auto open = type.find('{');
  const auto close = type.rfind('}');
  if (open == std::string::npos || close == std::string::npos || close < open) return result;
  std::string word;
  for (std::size_t i = open + 1; i <= close; ++i) {
    if (type[i] != ',' && i != close) {
      word += type[i];
      continue;
    }
    if (!word.empty()) result.push_back(word);
    word.clear();
  }
  return result;
}

// "DIR:TEXT:{...}" as "DIR".
std::string shown(const std::string& type) {
  std::string name = type.substr(0, type.find(':'));
  return name == "TEXT" ? "VALUE" : name;
}

bool names_file(const std::string& type) {
  return type.find("FILE") != std::string::npos || type.find("DIR") != std::string::npos ||
         type.find("OBJECT") != std::string::npos || type.find("POLICY") != std::string::npos ||
         type.find("SCENARIO") != std::string::npos;
}

ArgumentText argument_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return {option.get_name(true), names_file(type) || type == "TEXT", option.get_required(),
          option.get_items_expected_max() > 1, option.get_description()};
}

OptionText option_of(const CLI::Option& option) {
  OptionText text;
  for (const std::string& name : option.get_lnames()) text.names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) text.names.push_back("-" + name);
  const std::string type = option.get_type_name();
  if (option.get_items_expected_max() > 0) text.value = shown(type);
  text.choices = choices_in(type);
  text.takes_file = names_file(text.value);
  text.repeated = option.get_items_expected_max() > 1;
  text.help = option.get_description();
  text.fallback = option.get_default_str();
  return text;
}

}  // namespace

CommandText describe(const CLI::App& app) {
  CommandText text{app.get_name(), app.get_description(), {}, {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    if (option->get_positional() && option->get_lnames().empty() && option->get_snames().empty()) {
      text.arguments.push_back(argument_of(*option));
    } else {
      text.options.push_back(option_of(*option));
    }
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_group().empty()) text.commands.push_back(describe(*command));
  }
  return text;
}

}  // namespace policyc::cli
