#pragma once
// `-o FORMAT[=FILE]`, several at once, and `--color`: where a command's report goes. Shared by the
// commands whose answer is a report.
//
//   OutputArguments outputs;                      // a member of the command's arguments
//   add_output_options(*command, outputs);        // when it is registered
//
//   auto outputs = Outputs::parse(arguments.outputs);        // first thing in run()
//   if (!outputs) return usage(outputs.error().message);     // exit code 2
//   ...
//   if (auto written = outputs->write(sources, report, context); !written)
//     return unreadable(written.error());                    // exit code 3
//   return report.failed() ? kFindings : kSuccess;

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/command.h"
#include "compiler/diag/finding_formats.h"
#include "compiler/support/result.h"

namespace policyc::cli {

struct OutputArguments {
  std::vector<std::string> outputs;  // FORMAT[=FILE]; none: text
  std::string color = "auto";        // auto, always, never
};

using OutputRenderer = std::function<std::string(const diag::RenderStyle&)>;
// What a command prints in its own way, by the format's name: in the place of the renderer of that
// name, or beside them.
using OwnFormats = std::map<std::string, OutputRenderer>;

// The formats that a command has.
struct Formats {
  std::vector<std::string> own = {};  // of its own
  bool findings = true;               // and those of findings (docs/formats.md)
  std::string standard = "text";      // without -o
};

void add_output_options(CLI::App& command, OutputArguments& arguments, const Formats& formats = {});

class Outputs {
 public:
  // The Error is a mistake of usage: an unknown format, two outputs to one place, a bad --color.
  // `formats`: as for add_output_options().
  [[nodiscard]] static Result<Outputs> parse(const OutputArguments& arguments,
                                             const Formats& formats = {});

  // Some output goes to standard output.
  [[nodiscard]] bool uses_standard_output() const;
  [[nodiscard]] bool has_format(const std::string& format) const;

  // Renders every output, then writes files (each whole or not at all), then standard output. An
  // Error names the file that could not be written.
  [[nodiscard]] Result<void> write(const source::SourceMap& sources, const diag::Report& report,
                                   Context& context, const OwnFormats& own = {}) const;
  // The same for a command whose formats are all its own.
  [[nodiscard]] Result<void> write(Context& context, const OwnFormats& own) const;

 private:
  struct Output {
    std::string format;
    std::string file;  // empty: standard output
  };
  std::vector<Output> outputs_;
  std::string color_;
};

// Whether escapes are wanted on a stream that is, or is not, a terminal: `auto` follows NO_COLOR,
// CLICOLOR_FORCE and TERM=dumb.
[[nodiscard]] bool wants_color(const std::string& color, bool is_terminal);

}  // namespace policyc::cli
