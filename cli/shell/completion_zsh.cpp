#include <sstream>

#include "cli/shell/completion.h"

namespace policyc::cli {
namespace {

// Inside single quotes and brackets of _arguments.
std::string in_quotes(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\'') {
      result += "'\\''";
    } else if (c == '[' || c == ']' || c == ':' || c == '\\') {
      result += '\\';
      result += c;
    } else {
      result += c == '\n' ? ' ' : c;
    }
  }
  return result;
}

std::string action(const OptionText& option) {
  if (option.value.empty()) return "";
  std::string text = ":" + in_quotes(option.value) + ":";
  if (!option.choices.empty()) {
    text += "(";
    for (std::size_t i = 0; i < option.choices.size(); ++i)
      text += (i == 0 ? "" : " ") + in_quotes(option.choices[i]);
    return text + ")";
  }
  return text + (option.takes_file ? "_files" : " ");
}

void write(const std::string& function, const CommandText& command, std::ostream& out) {
  out << function << "() {\n  local context state state_descr line\n  typeset -A opt_args\n"
      << "  _arguments -C";
  for (const OptionText& option : command.options) {
    for (const std::string& name : option.names)
      out << " \\\n    '" << (option.repeated ? "*" : "") << name << "[" << in_quotes(option.help)
          << "]" << action(option) << "'";
  }
  if (!command.commands.empty()) {
    out << " \\\n    '1: :->command' \\\n    '*:: :->rest'";
  } else {
    for (const ArgumentText& argument : command.arguments)
      out << " \\\n    '" << (argument.repeated ? "*:" : ":") << in_quotes(argument.name) << ":"
          << (argument.takes_file ? "_files" : " ") << "'";
  }
  out << "\n";
  if (!command.commands.empty()) {
    out << "  case $state in\n  command)\n    local -a commands=(";
    for (const CommandText& next : command.commands)
      out << "\n      '" << in_quotes(next.name) << ":" << in_quotes(next.help) << "'";
    out << ")\n    _describe command commands ;;\n  rest)\n    case $words[1] in\n";
    for (const CommandText& next : command.commands)
      out << "    " << next.name << ") " << function << "_" << next.name << " ;;\n";
    out << "    esac ;;\n  esac\n";
  }
  out << "}\n";
  for (const CommandText& next : command.commands) write(function + "_" + next.name, next, out);
}

}  // namespace

std::string zsh_completion(const CommandText& program) {
  std::ostringstream out;
  out << "#compdef " << program.name << "\n";
  write("_" + program.name, program, out);
  out << "_" << program.name << " \"$@\"\n";
  return out.str();
}

}  // namespace policyc::cli
