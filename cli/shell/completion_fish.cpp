#include <sstream>

#include "cli/shell/completion.h"

namespace policyc::cli {
namespace {

std::string in_quotes(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result + "'";
}

// `path`: the subcommands that were typed, in order.
void write(const std::string& name, const std::vector<std::string>& path,
           const CommandText& command, std::ostream& out) {
  std::string typed;
  for (const std::string& word : path) typed += (typed.empty() ? "" : " ") + word;
  const std::string here =
      "complete -c " + name + " -n " + in_quotes("__" + name + "_typed " + in_quotes(typed)) + " ";
  for (const CommandText& next : command.commands)
    out << here << "-f -a " << in_quotes(next.name) << " -d " << in_quotes(next.help) << "\n";
  for (const OptionText& option : command.options) {
    out << here;
    for (const std::string& text : option.names)
      out << (text.starts_with("--") ? "-l " + text.substr(2) : "-s " + text.substr(1)) << " ";
    if (!option.choices.empty()) {
      std::string all;
      for (const std::string& choice : option.choices) all += (all.empty() ? "" : " ") + choice;
      out << "-x -a " << in_quotes(all) << " ";
    } else if (!option.value.empty()) {
      out << (option.takes_file ? "-r -F " : "-x ");
    }
    out << "-d " << in_quotes(option.help) << "\n";
  }
  for (const CommandText& next : command.commands) {
    auto longer = path;
    longer.push_back(next.name);
    write(name, longer, next, out);
  }
}

void list_paths(const std::string& path, const CommandText& command, std::ostream& out) {
  for (const CommandText& next : command.commands) {
    const std::string longer = path.empty() ? next.name : path + " " + next.name;
    out << " " << in_quotes(longer);
    list_paths(longer, next, out);
  }
}

}  // namespace

std::string fish_completion(const CommandText& program) {
  std::ostringstream out;
  const std::string& name = program.name;
  out << "# fish completion for " << name << "\nset -g __" << name << "_paths";
  list_paths("", program, out);
  out << "\nfunction __" << name << "_typed\n"
      << "  set -l path\n"
      << "  for word in (commandline -opc)[2..-1]\n"
      << "    set -l longer (string trim -- \"$path $word\")\n"
      << "    contains -- \"$longer\" $__" << name << "_paths; and set path $longer\n"
      << "  end\n"
      << "  test \"$path\" = \"$argv[1]\"\nend\n";
  write(name, {}, program, out);
  return out.str();
}

}  // namespace policyc::cli
