#include "cli/lint_inputs.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>

#include <unistd.h>

#include "compiler/manifest/document.h"

namespace policyc::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kConfigName = ".policyc.yaml";

// Prefixes separated by white space or commas.
void add_prefixes(const std::string& text, std::vector<IpPrefix>& prefixes) {
  std::string words = text;
  std::replace(words.begin(), words.end(), ',', ' ');
  std::istringstream stream(words);
  for (std::string word; stream >> word;) {
    if (const auto prefix = parse_ip_prefix(word)) prefixes.push_back(*prefix);
  }
}

void apply(const std::string& key, const std::string& value, lint::ClusterFacts& facts) {
  if (key == "bpf-policy-map-max") {
    std::size_t number = 0;
    const auto end = std::from_chars(value.data(), value.data() + value.size(), number);
    if (end.ec == std::errc() && number > 0) facts.policy_map_max = number;
  } else if (key == "cluster-pool-ipv4-cidr" || key == "cluster-pool-ipv6-cidr") {
    add_prefixes(value, facts.pod_prefixes);
  } else if (key == "mesh-auth-enabled") {
    facts.mesh_auth = value == "true";
  } else if (key == "policy-audit-mode") {
    facts.audit_mode = value == "true";
  }
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

bool is_about_the_kind_of_file(diag::Id id) {
  return id == diag::Id::InvalidApiVersion || id == diag::Id::InvalidKind ||
         id == diag::Id::NotAnObject || id == diag::Id::InvalidMetadata ||
         id == diag::Id::InvalidList;
}

bool is_manifest_stage(diag::Id id) {
  return static_cast<unsigned>(id) < 200U;  // diagnostics.def: 01xx
}

}  // namespace

Result<lint::ClusterFacts> read_cluster_facts(const std::string& config_map) {
  lint::ClusterFacts facts;
  if (config_map.empty()) return facts;
  auto text = driver::read_file(config_map);
  if (!text) return std::unexpected(text.error());
  source::SourceMap sources;
  diag::Engine diagnostics;
  const auto file = sources.add_file(config_map, std::move(*text));
  for (const auto& document : manifest::read_documents(sources, file, diagnostics)) {
    const manifest::Node* data = document.root.find("data");
    if (document.kind.value != "ConfigMap" || data == nullptr || !data->is_mapping()) continue;
    for (const auto& member : data->members) apply(member.key, member.value.text, facts);
    facts.config_given = true;
    break;
  }
  return facts;
}

Result<FoundConfig> find_config(const std::string& path) {
  std::string found = path;
  if (found.empty()) {
    std::error_code error;
    fs::path folder = fs::current_path(error);
    while (!error) {
      if (fs::exists(folder / kConfigName, error)) {
        found = (folder / kConfigName).string();
        break;
      }
      if (fs::exists(folder / ".git", error) || folder == folder.root_path()) break;
      folder = folder.parent_path();
    }
  }
  FoundConfig result;
  if (found.empty()) return result;
  auto text = driver::read_file(found);
  if (!text) return std::unexpected(text.error());
  source::SourceMap sources;
  diag::Engine diagnostics;
  const auto file = sources.add_file(found, std::move(*text));
  auto config = lint::read_config(sources, file, diagnostics);
  if (!config) return fail(diag::render_text(sources, diagnostics));
  result.config = std::move(*config);
  std::error_code error;
  result.folder = fs::absolute(fs::path(found), error).parent_path();
  return result;
}

std::string path_in(const FoundConfig& found, const std::string& name) {
  if (found.folder.empty()) return name;
  std::error_code error;
  return fs::absolute(fs::path(name), error)
      .lexically_normal()
      .lexically_relative(found.folder)
      .string();
}

void exclude(const FoundConfig& found, const std::vector<std::string>& explicit_paths,
             std::vector<driver::InputText>& inputs) {
  if (found.config.exclude.empty()) return;
  std::erase_if(inputs, [&](const driver::InputText& input) {
    if (contains(explicit_paths, input.name)) return false;
    const std::string path = path_in(found, input.name);
    return std::any_of(
        found.config.exclude.begin(), found.config.exclude.end(),
        [&path](const std::string& pattern) { return lint::matches_glob(pattern, path); });
  });
}

diag::Engine for_lint(const source::SourceMap& sources, const diag::Engine& diagnostics,
                      const std::vector<std::string>& explicit_paths, bool knows_services) {
  diag::Engine kept;
  std::vector<std::uint32_t> templates;
  for (const diag::Diagnostic& diagnostic : diagnostics.all()) {
    if (!knows_services && diagnostic.id == diag::Id::ServicesMatchNothing) continue;
    source::FileId file = diagnostic.file;
    if (diagnostic.node.valid()) file = sources.range(diagnostic.node).file;
    const bool named = !file.valid() || sources.name(file) == "<stdin>" ||
                       contains(explicit_paths, sources.name(file));
    if (!named && is_about_the_kind_of_file(diagnostic.id)) continue;
    const bool is_template = !named && is_manifest_stage(diagnostic.id) &&
                             sources.text(file).find("{{") != std::string::npos;
    if (is_template) {
      if (std::find(templates.begin(), templates.end(), file.value) != templates.end()) continue;
      templates.push_back(file.value);
    }
    diag::Diagnostic& copy = kept.report(diagnostic.id, diagnostic.node, {});
    copy = diagnostic;
    if (is_template) {
      copy.severity = diag::Severity::Note;
      copy.message = "this looks like a template, which is no manifest: it is not checked";
      copy.help = "render it first: `helm template . | policyc lint -`";
    }
  }
  return kept;
}

Result<void> replace_files(const std::vector<std::pair<std::string, std::string>>& texts) {
  std::vector<std::pair<fs::path, fs::path>> renames;  // temporary, final
  const auto give_up = [&renames](const std::string& message) {
    std::error_code ignored;
    for (const auto& [temporary, target] : renames) fs::remove(temporary, ignored);
    return fail(message);
  };
  for (const auto& [name, text] : texts) {
    std::error_code error;
    const fs::path target = fs::canonical(name, error);
    if (error) return give_up(name + ": " + error.message());
    const fs::path temporary = target.string() + ".tmp." + std::to_string(::getpid());
    renames.emplace_back(temporary, target);
    if (auto written = driver::write_file(temporary.string(), text); !written)
      return give_up(written.error().message);
    fs::permissions(temporary, fs::status(target, error).permissions(), error);
    if (error) return give_up(name + ": " + error.message());
  }
  for (std::size_t i = 0; i < renames.size(); ++i) {
    std::error_code error;
    fs::rename(renames[i].first, renames[i].second, error);
    if (error) return give_up(texts[i].first + ": " + error.message());
  }
  return {};
}

}  // namespace policyc::cli
