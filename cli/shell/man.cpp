#include "cli/shell/man.h"

#include <algorithm>
#include <sstream>

namespace policyc::cli {
namespace {

// Of running text: a dash is a dash, and no line begins as a request would.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else if (result.empty() && (c == '.' || c == '\'')) {
      result += "\\&";
      result += c;
    } else {
      result += c == '\n' ? ' ' : c;
    }
  }
  return result;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  });
  return text;
}

void write_option(const OptionText& option, std::ostream& out) {
  out << ".TP\n";
  for (std::size_t i = 0; i < option.names.size(); ++i)
    out << (i == 0 ? "\\fB" : ", \\fB") << escaped(option.names[i]) << "\\fR";
  if (!option.value.empty()) out << " \\fI" << escaped(option.value) << "\\fR";
  out << "\n" << escaped(option.help);
  if (!option.choices.empty()) {
    out << "\n.br\nOne of:";
    for (const std::string& choice : option.choices) out << " " << escaped(choice);
  }
  if (!option.fallback.empty()) out << "\n.br\nDefault: " << escaped(option.fallback);
  out << "\n";
}

void write_synopsis(const std::string& words, const CommandText& command, std::ostream& out) {
  out << ".SH SYNOPSIS\n\\fB" << escaped(words) << "\\fR";
  if (!command.options.empty()) out << " [\\fIOPTION\\fR]...";
  if (!command.commands.empty()) out << " \\fISUBCOMMAND\\fR";
  for (const ArgumentText& argument : command.arguments) {
    const std::string text =
        "\\fI" + escaped(upper(argument.name)) + "\\fR" + (argument.repeated ? "..." : "");
    out << " " << (argument.required ? text : "[" + text + "]");
  }
  out << "\n";
}

void write(const std::string& page, const std::string& words, const CommandText& command,
           const std::string& version, std::vector<ManPage>& pages) {
  std::ostringstream out;
  out << ".TH " << escaped(upper(page)) << " 1 \"\" \"policyc " << escaped(version)
      << "\" \"User Commands\"\n.SH NAME\n"
      << escaped(page) << " \\- " << escaped(command.help) << "\n";
  write_synopsis(words, command, out);
  if (!command.arguments.empty()) {
    out << ".SH ARGUMENTS\n";
    for (const ArgumentText& argument : command.arguments)
      out << ".TP\n\\fI" << escaped(upper(argument.name)) << "\\fR\n"
          << escaped(argument.help) << "\n";
  }
  if (!command.options.empty()) {
    out << ".SH OPTIONS\n";
    for (const OptionText& option : command.options) write_option(option, out);
  }
  if (!command.commands.empty()) {
    out << ".SH SUBCOMMANDS\n";
    for (const CommandText& next : command.commands)
      out << ".TP\n\\fB" << escaped(page + "-" + next.name) << "\\fR(1)\n"
          << escaped(next.help) << "\n";
  }
  out << ".SH EXIT STATUS\n"
         "0: success. 1: findings, or the input is refused. 2: the command line is wrong. 3: a "
         "file "
         "or the kernel could not be read or written. 4: a bug in policyc.\n";
  pages.push_back({page, out.str()});
  for (const CommandText& next : command.commands)
    write(page + "-" + next.name, words + " " + next.name, next, version, pages);
}

}  // namespace

std::vector<ManPage> man_pages(const CommandText& program, const std::string& version) {
  std::vector<ManPage> pages;
  write(program.name, program.name, program, version, pages);
  return pages;
}

}  // namespace policyc::cli
