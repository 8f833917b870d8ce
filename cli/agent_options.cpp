#include "cli/agent_options.h"

#include <map>
#include <set>
#include <utility>

#include "compiler/diag/diag.h"
#include "compiler/driver/inputs.h"
#include "compiler/manifest/document.h"
#include "compiler/source/source.h"

namespace policyc::cli {
namespace {

using policy::Options;

Result<bool> parse_bool(const std::string& key, const std::string& value) {
  if (value == "true") return true;
  if (value == "false") return false;
  return fail(key + ": `" + value + "` is neither true nor false");
}

const std::map<std::string, bool Options::*>& flags() {
  static const std::map<std::string, bool Options::*> kFlags = {
      {"enable-ipv4", &Options::ipv4},
      {"enable-ipv6", &Options::ipv6},
      {"enable-l7-proxy", &Options::l7_proxy},
      {"enable-icmp-rules", &Options::icmp_rules},
      {"enable-non-default-deny-policies", &Options::non_default_deny},
      {"enable-node-selector-labels", &Options::node_selector_labels},
      {"enable-host-firewall", &Options::host_firewall},
      {"enable-extended-ip-protocols", &Options::extended_ip_protocols},
      {"policy-default-local-cluster", &Options::default_local_cluster},
  };
  return kFlags;
}

// Sets one option by its ConfigMap key. Keys that do not change what a policy means are accepted
// and have no effect.
Result<void> apply(Options& options, const std::string& key, const std::string& value) {
  if (const auto found = flags().find(key); found != flags().end()) {
    const auto parsed = parse_bool(key, value);
    if (!parsed) return std::unexpected(parsed.error());
    options.*(found->second) = *parsed;
  } else if (key == "cluster-name") {
    options.cluster_name = value;
  } else if (key == "enable-policy") {
    if (value == "default")
      options.enforcement = policy::Enforcement::Default;
    else if (value == "always")
      options.enforcement = policy::Enforcement::Always;
    else if (value == "never")
      options.enforcement = policy::Enforcement::Never;
    else
      return fail("enable-policy: `" + value + "` is none of default, always, never");
  } else if (key == "allow-localhost") {
    if (value == "auto" || value == "always")
      options.allow_localhost = true;
    else if (value == "policy")
      options.allow_localhost = false;
    else
      return fail("allow-localhost: `" + value + "` is none of auto, always, policy");
  } else if (key == "policy-cidr-match-mode") {
    if (!value.empty() && value != "nodes")
      return fail("policy-cidr-match-mode: `" + value + "` is neither empty nor nodes");
    options.cidr_match_nodes = value == "nodes";
  }
  return {};
}

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
      if (auto applied = apply(options, member.key, member.value.text); !applied) {
        return fail(sources.file_line_column(member.value.id) + ": " + applied.error().message);
      }
    }
    return {};
  }
  return fail(path + ": holds no ConfigMap");
}

// KEY=VALUE of the command line, where an unknown key is a mistake.
Result<void> apply_setting(Options& options, const std::string& setting) {
  static const std::set<std::string> kOther = {"cluster-name", "enable-policy", "allow-localhost",
                                               "policy-cidr-match-mode"};
  const auto equals = setting.find('=');
  if (equals == std::string::npos) return fail("`" + setting + "`: expected KEY=VALUE");
  const std::string key = setting.substr(0, equals);
  if (!flags().contains(key) && !kOther.contains(key)) return fail("`" + key + "`: no such option");
  return apply(options, key, setting.substr(equals + 1));
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
