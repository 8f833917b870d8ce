#include "cli/shell/completion.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <ostream>

#include "cli/command.h"
#include "cli/shell/command_tree.h"
#include "cli/shell/man.h"

namespace policyc::cli {
namespace {

int write_pages(const CLI::App& app, const std::filesystem::path& directory, Context& context) {
  for (const ManPage& page : man_pages(describe(app), POLICYC_VERSION)) {
    const auto path = directory / (page.name + ".1");
    std::ofstream file(path);
    if (!(file << page.text) || !file.flush()) {
      context.err << "policyc: cannot write " << path.string() << "\n";
      return kUnreadable;
    }
  }
  return kSuccess;
}

}  // namespace

void add_completion(CLI::App& app, Context& context) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completion", "print the completion script of a shell");
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([&app, shell, &context] {
    const CommandText program = describe(app);
    context.out << (*shell == "bash"  ? bash_completion(program)
                    : *shell == "zsh" ? zsh_completion(program)
                                      : fish_completion(program));
  });

  auto directory = std::make_shared<std::string>();
  CLI::App* man =
      app.add_subcommand("man-pages", "write the manual pages, a file for each command");
  man->add_option("directory", *directory, "where they go")
      ->required()
      ->check(CLI::ExistingDirectory);
  man->callback(
      [&app, directory, &context] { context.exit_code = write_pages(app, *directory, context); });
}

}  // namespace policyc::cli
