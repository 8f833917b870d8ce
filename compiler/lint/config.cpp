#include "compiler/lint/config.h"

#include <charconv>

#include "compiler/manifest/document.h"

namespace policyc::lint {
namespace {

using manifest::Member;
using manifest::Node;

class Reader {
 public:
  explicit Reader(diag::Engine& diagnostics) : diagnostics_(diagnostics) {}

  std::optional<Config> read(const Node& root) {
    if (!expect(root, root.is_mapping(), "a mapping")) return std::nullopt;
    for (const Member& member : root.members) {
      if (member.key == "lint") {
        read_lint(member.value);
      } else if (member.key != "test" && member.key != "diff" && member.key != "explain") {
        unknown(member, "lint");
      }
    }
    if (failed_) return std::nullopt;
    return std::move(config_);
  }

 private:
  void mistake(diag::Id id, source::NodeId node, std::string message, std::string help = {}) {
    failed_ = true;
    diagnostics_.report(id, node, std::move(message)).help = std::move(help);
  }

  bool expect(const Node& node, bool good, const std::string& what) {
    if (!good)
      mistake(diag::Id::WrongType, node.id,
              std::string(manifest::type_name(node)) + " where " + what + " belongs");
    return good;
  }

  void unknown(const Member& member, const std::string& known) {
    mistake(diag::Id::UnknownField, member.key_id, "unknown key " + diag::quoted(member.key),
            "keys are: " + known);
  }

  void read_lint(const Node& node) {
    if (node.is_null() || !expect(node, node.is_mapping(), "a mapping")) return;
    for (const Member& member : node.members) {
      const Node& value = member.value;
      if (member.key == "rules") {
        read_rules(value, config_.settings.severities);
      } else if (member.key == "paths") {
        read_paths(value);
      } else if (member.key == "exclude") {
        read_exclude(value);
      } else if (member.key == "cilium-version") {
        // 1.20 without quotes is the number 1.2.
        if (!expect(value, value.is_string(), "a string, in quotes,")) continue;
        config_.cilium_version = value.text;
        if (!parse_version(value.text))
          mistake(diag::Id::ValueNotAllowed, value.id,
                  diag::quoted(value.text) + " is no version such as 1.17");
      } else if (member.key == "fail-on") {
        if (!expect(value, value.is_string(), "a string")) continue;
        config_.fail_on = value.text;
        if (value.text != "never" && !diag::parse_severity(value.text))
          mistake(diag::Id::ValueNotAllowed, value.id,
                  diag::quoted(value.text) + " is none of error, warning, note, never");
      } else if (member.key == "baseline") {
        if (expect(value, value.is_string(), "a string")) config_.baseline = value.text;
      } else {
        unknown(member, "baseline, cilium-version, exclude, fail-on, paths, rules");
      }
    }
  }

  void read_rules(const Node& node, Severities& severities) {
    if (node.is_null() || !expect(node, node.is_mapping(), "a mapping of rules")) return;
    for (const Member& member : node.members) {
      const Rule* rule = find_rule(member.key);
      if (rule == nullptr) {
        mistake(diag::Id::UnknownField, member.key_id,
                "no rule is called " + diag::quoted(member.key),
                "`policyc lint --list-rules` prints them");
        continue;
      }
      // YAML reads a plain `off` as false.
      const Node& value = member.value;
      const bool off = value.kind == manifest::NodeKind::Scalar &&
                       value.type == manifest::ScalarType::Bool && value.text == "false";
      const auto setting = off ? std::optional<std::optional<diag::Severity>>(std::in_place)
                           : value.is_string() ? parse_setting(value.text)
                                               : std::nullopt;
      if (!setting) {
        mistake(
            diag::Id::ValueNotAllowed, value.id,
            "the setting of " + diag::quoted(member.key) + " is none of off, note, warning, error");
        continue;
      }
      severities[std::string(rule->id)] = *setting;
    }
  }

  void read_paths(const Node& node) {
    if (node.is_null() || !expect(node, node.is_sequence(), "a sequence")) return;
    for (const Node& item : node.items) {
      if (!expect(item, item.is_mapping(), "a mapping with `path` and `rules`")) continue;
      PathSettings settings;
      for (const Member& member : item.members) {
        if (member.key == "path") {
          if (expect(member.value, member.value.is_string(), "a string"))
            settings.pattern = member.value.text;
        } else if (member.key == "rules") {
          read_rules(member.value, settings.severities);
        } else {
          unknown(member, "path, rules");
        }
      }
      if (settings.pattern.empty())
        mistake(diag::Id::MissingField, item.id, "an element of `paths` has no `path`");
      config_.settings.paths.push_back(std::move(settings));
    }
  }

  void read_exclude(const Node& node) {
    if (node.is_null() || !expect(node, node.is_sequence(), "a sequence")) return;
    for (const Node& item : node.items) {
      if (expect(item, item.is_string(), "a string")) config_.exclude.push_back(item.text);
    }
  }

  diag::Engine& diagnostics_;
  Config config_;
  bool failed_ = false;
};

}  // namespace

std::optional<Config> read_config(source::SourceMap& sources, source::FileId file,
                                  diag::Engine& diagnostics) {
  const std::size_t errors = diagnostics.error_count();
  const auto trees = manifest::read_trees(sources, file, diagnostics);
  if (diagnostics.error_count() != errors) return std::nullopt;
  if (trees.empty()) return Config{};
  if (trees.size() > 1) {
    diagnostics.report(diag::Id::WrongType, trees[1].id,
                       "a second document where a configuration has one");
    return std::nullopt;
  }
  return Reader(diagnostics).read(trees.front());
}

std::optional<std::pair<int, int>> parse_version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  std::pair<int, int> version;
  const char* end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.first);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.second);
  if (minor.ec != std::errc() || (minor.ptr != end && *minor.ptr != '.')) return std::nullopt;
  if (version.first != 1 || version.second < 0) return std::nullopt;
  return version;
}

std::optional<std::optional<diag::Severity>> parse_setting(std::string_view word) {
  if (word == "off") return std::optional<std::optional<diag::Severity>>(std::in_place);
  if (const auto severity = diag::parse_severity(word)) return std::optional(severity);
  return std::nullopt;
}

}  // namespace policyc::lint
