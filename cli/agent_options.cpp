#include "cli/agent_options.h"

#include <utility>

#include "compiler/diag/diag.h"
#include "compiler/driver/inputs.h"
#include "compiler/manifest/document.h"
#include "compiler/policy/option_names.h"
#include "compiler/source/source.h"

namespace policyc::cli {
namespace {

using policy::Options;

Result<void> apply_config_map(Options& options, const std::string& path) {
  auto text = driver::read_file(path);
  if (!text) return std::unexpected(text.error());
  source::SourceMap sources;
  diag::Engine diagnostics;
  const auto id = sources.add_file(path, std::move(*text));
  const auto documents = manifest::read_documents(sources, id, diagnostics);
  if (diagnostics.has_errors()) return fail(diag::render_text(sources, diagnostics));
  for (const auto& document : documents) {
    if (document.kind.value != "ConfigMap") continue;
    const manifest::Node* data = document.root.find("data");
    if (data == nullptr || !data->is_mapping()) return fail(path + ": the ConfigMap has no `data`");
    for (const auto& member : data->members) {
      if (auto applied = policy::set_option(options, member.key, member.value.text); !applied) {
        return fail(sources.file_line_column(member.value.id) + ": " + applied.error().message);
      }
    }
    return {};
  }
  return fail(path + ": holds no ConfigMap");
}

// KEY=VALUE of the command line, where an unknown key is a mistake.
Result<void> apply_setting(Options& options, const std::string& setting) {
  const auto equals = setting.find('=');
  if (equals == std::string::npos) return fail("`" + setting + "`: expected KEY=VALUE");
  const std::string key = setting.substr(0, equals);
  if (!policy::is_option(key)) return fail("`" + key + "`: no such option");
  return policy::set_option(options, key, setting.substr(equals + 1));
}

}  // namespace

void add_agent_options(CLI::App& command, AgentArguments& arguments) {
  command.add_option("--cilium-config", arguments.config_file,
                     "ConfigMap with the agent's options");
  command
      .add_option("--set", arguments.settings,
                  "One agent option as KEY=VALUE, with the ConfigMap's keys")
      ->check([](const std::string& setting) {
        Options scratch;
        const auto applied = apply_setting(scratch, setting);
        return applied ? std::string() : applied.error().message;
      });
}

Result<policy::Options> agent_options(const AgentArguments& arguments) {
  Options options;
  if (!arguments.config_file.empty()) {
    if (auto applied = apply_config_map(options, arguments.config_file); !applied)
      return std::unexpected(applied.error());
  }
  for (const std::string& setting : arguments.settings) {
    if (auto applied = apply_setting(options, setting); !applied)
      return std::unexpected(applied.error());
  }
  return options;
}

}  // namespace policyc::cli
