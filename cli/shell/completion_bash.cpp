#include <functional>
#include <sstream>

#include "cli/shell/completion.h"

namespace policyc::cli {
namespace {

using Visit = std::function<void(const std::string& path, const CommandText& command)>;

void each_command(const std::string& path, const CommandText& command, const Visit& visit) {
  visit(path, command);
  for (const CommandText& next : command.commands)
    each_command(path + " " + next.name, next, visit);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// The pattern of an option's names behind a command.
std::string pattern(const std::string& path, const OptionText& option) {
  std::string text;
  for (const std::string& name : option.names)
    text += (text.empty() ? "\"" : "|\"") + path + ":" + name + "\"";
  return text;
}

}  // namespace

std::string bash_completion(const CommandText& program) {
  std::ostringstream paths;
  std::ostringstream values;
  std::ostringstream words;
  each_command(program.name, program, [&](const std::string& path, const CommandText& command) {
    if (&command != &program) paths << (paths.tellp() == 0 ? "" : "|") << '"' << path << '"';
    for (const OptionText& option : command.options) {
      if (option.value.empty() || option.names.empty()) continue;
      values << "    " << pattern(path, option) << ")\n      ";
      if (!option.choices.empty()) {
        values << "COMPREPLY=($(compgen -W \"" << joined(option.choices)
               << "\" -- \"$current\"))\n";
      } else if (option.takes_file) {
        values << "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n";
      } else {
        values << "COMPREPLY=()\n";
      }
      values << "      return ;;\n";
    }
    std::vector<std::string> all;
    for (const CommandText& next : command.commands) all.push_back(next.name);
    for (const OptionText& option : command.options)
      all.insert(all.end(), option.names.begin(), option.names.end());
    bool files = false;
    for (const ArgumentText& argument : command.arguments) files = files || argument.takes_file;
    words << "    \"" << path << "\") words=\"" << joined(all) << "\""
          << (files ? "; files=yes" : "") << " ;;\n";
  });
  const std::string& name = program.name;
  return "# bash completion for " + name + "\n_" + name + "() {\n" +
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local path=" +
         name +
         " words= files= i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case \"$path ${COMP_WORDS[i]}\" in\n"
         "    " +
         paths.str() +
         ") path=\"$path ${COMP_WORDS[i]}\" ;;\n"
         "    esac\n"
         "  done\n"
         "  case \"$path:$previous\" in\n" +
         values.str() +
         "  esac\n"
         "  case \"$path\" in\n" +
         words.str() +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "  if [ -n \"$files\" ] && [ \"${current:0:1}\" != - ]; then\n"
         "    compopt -o filenames\n"
         "    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$current\")\n"
         "  fi\n"
         "}\ncomplete -F _" +
         name + " " + name + "\n";
}

}  // namespace policyc::cli
