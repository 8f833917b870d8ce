#include "cli/outputs.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <set>

#include <unistd.h>

#include "compiler/driver/inputs.h"

namespace policyc::cli {
namespace {

std::vector<std::string> format_names(const Formats& formats) {
  std::vector<std::string> names;
  if (formats.findings) {
    for (const diag::FindingFormat& format : diag::finding_formats())
      names.emplace_back(format.name);
  }
  for (const std::string& name : formats.own) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

void add_output_options(CLI::App& command, OutputArguments& arguments, const Formats& formats) {
  command
      .add_option("-o,--output", arguments.outputs,
                  "FORMAT or FORMAT=FILE, several times: " + joined(format_names(formats)))
      ->allow_extra_args(false);
  command.add_option("--color", arguments.color, "auto, always or never; auto honours NO_COLOR");
}

bool wants_color(const std::string& color, bool is_terminal) {
  if (color == "always") return true;
  if (color == "never" || is_set("NO_COLOR")) return false;
  if (const char* force = std::getenv("CLICOLOR_FORCE");
      force != nullptr && *force != '\0' && std::string_view(force) != "0")
    return true;
  const char* terminal = std::getenv("TERM");
  return is_terminal && (terminal == nullptr || std::string_view(terminal) != "dumb");
}

Result<Outputs> Outputs::parse(const OutputArguments& arguments, const Formats& formats) {
  if (arguments.color != "auto" && arguments.color != "always" && arguments.color != "never")
    return fail("--color: `" + arguments.color + "` is none of auto, always, never");
  Outputs outputs;
  outputs.color_ = arguments.color;
  const std::vector<std::string> known = format_names(formats);
  std::set<std::string> places;
  for (const std::string& text : arguments.outputs) {
    const std::size_t equals = text.find('=');
    Output output{text.substr(0, equals), {}};
    if (std::find(known.begin(), known.end(), output.format) == known.end())
      return fail("-o: unknown format `" + output.format + "`; formats are " + joined(known));
    if (equals != std::string::npos) {
      output.file = text.substr(equals + 1);
      if (output.file.empty()) return fail("-o: `" + text + "` names no file after `=`");
      if (output.file == "-") output.file.clear();
    }
    if (!places.insert(output.file).second)
      return fail("-o: two outputs go to " +
                  (output.file.empty() ? std::string("standard output") : output.file));
    outputs.outputs_.push_back(std::move(output));
  }
  if (outputs.outputs_.empty()) outputs.outputs_.push_back({formats.standard, {}});
  return outputs;
}

Result<void> Outputs::write(Context& context, const OwnFormats& own) const {
  return write({}, {}, context, own);
}

bool Outputs::uses_standard_output() const {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [](const Output& output) { return output.file.empty(); });
}

bool Outputs::has_format(const std::string& format) const {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [&format](const Output& output) { return output.format == format; });
}

Result<void> Outputs::write(const source::SourceMap& sources, const diag::Report& report,
                            Context& context, const OwnFormats& own) const {
  std::vector<std::string> texts;
  for (const Output& output : outputs_) {
    const bool terminal =
        output.file.empty() && &context.out == &std::cout && ::isatty(STDOUT_FILENO) != 0;
    // A file gets escapes only when they are asked for.
    const std::string color = output.file.empty() || color_ == "always" ? color_ : "never";
    const diag::RenderStyle style{.color = wants_color(color, terminal)};
    if (const auto mine = own.find(output.format); mine != own.end()) {
      texts.push_back(mine->second(style));
      continue;
    }
    const auto formats = diag::finding_formats();
    const auto found = std::find_if(formats.begin(), formats.end(), [&](const auto& format) {
      return format.name == output.format;
    });
    if (found == formats.end()) return fail("-o: nothing renders `" + output.format + "`");
    texts.push_back(found->render(sources, report, style));
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].file.empty()) continue;
    if (auto written = driver::write_file(outputs_[i].file, texts[i]); !written) return written;
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].file.empty()) context.out << texts[i];
  }
  context.out.flush();
  return {};
}

}  // namespace policyc::cli
