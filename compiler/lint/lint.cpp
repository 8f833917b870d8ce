#include "compiler/lint/lint.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "compiler/lint/page.h"
#include "compiler/lint/subject.h"
#include "compiler/lint/suppress.h"
#include "compiler/support/sha256.h"

namespace policyc::lint {
namespace {

// The severity of a rule in a file, after the settings; nothing: off.
std::optional<diag::Severity> severity_in(const Settings& settings, const std::string& rule,
                                          diag::Severity own, std::string_view path) {
  std::optional<diag::Severity> severity = own;
  const auto apply = [&](const Severities& severities) {
    if (const auto found = severities.find(rule); found != severities.end())
      severity = found->second;
  };
  apply(settings.severities);
  for (const PathSettings& one : settings.paths) {
    if (matches_glob(one.pattern, path)) apply(one.severities);
  }
  return severity;
}

// Off everywhere: nobody need ask.
bool is_off(const Settings& settings, const Rule& rule) {
  const std::string id(rule.id);
  const auto found = settings.severities.find(id);
  if (found == settings.severities.end() || found->second) return false;
  return std::none_of(settings.paths.begin(), settings.paths.end(), [&id](const auto& one) {
    const auto at = one.severities.find(id);
    return at != one.severities.end() && at->second;
  });
}

class Run {
 public:
  Run(const Inputs& inputs, const diag::Engine& compiled, const Options& options)
      : inputs_(inputs), compiled_(compiled), options_(options) {}

  diag::Report go() {
    const Model model(inputs_);
    check_all(model);
    check_subjects(model);
    adopt_diagnostics();
    suppress(
        inputs_,
        [this, &model](const Rule& rule) {
          return !is_off(options_.settings, rule) &&
                 (!rule.needs_inventory || model.has_endpoints());
        },
        findings_);
    sort();
    apply_settings();
    add_fingerprints();
    diag::Report report;
    report.command = "lint";
    for (const Rule* rule : registry()) report.rules.push_back(describe(*rule));
    for (diag::FindingRule& rule : foreign_rules_) report.rules.push_back(std::move(rule));
    for (RawFinding& raw : findings_) report.findings.push_back(std::move(raw.finding));
    return report;
  }

 private:
  void take(Findings& findings) {
    std::move(findings.all().begin(), findings.all().end(), std::back_inserter(findings_));
  }

  void check_all(const Model& model) {
    Findings findings(inputs_.sources, nullptr);
    for (const Rule* rule : registry()) {
      if (rule->check == nullptr || is_off(options_.settings, *rule)) continue;
      findings.set_rule(*rule);
      rule->check(model, findings);
    }
    take(findings);
  }

  void check_subjects(const Model& model) {
    std::vector<const Rule*> rules;
    for (const Rule* rule : registry()) {
      if (rule->check_subject != nullptr && !is_off(options_.settings, *rule))
        rules.push_back(rule);
    }
    const unsigned workers = std::max(1U, options_.workers);
    std::vector<Findings> found(workers, Findings(inputs_.sources, nullptr));
    std::vector<std::vector<diag::Diagnostic>> conflicts(workers);
    for_each_subject(
        model, workers,
        [&](const SubjectView& view, unsigned worker) {
          std::copy(view.conflicts.begin(), view.conflicts.end(),
                    std::back_inserter(conflicts[worker]));
          if (!view.compiled) return;
          for (const Rule* rule : rules) {
            found[worker].set_rule(*rule);
            rule->check_subject(model, view, found[worker]);
          }
        },
        options_.progress);
    for (Findings& findings : found) take(findings);
    for (const auto& some : conflicts) {
      for (const diag::Diagnostic& conflict : some) {
        if (seen_conflicts_.emplace(conflict.id, conflict.node).second) add_diagnostic(conflict);
      }
    }
  }

  void adopt_diagnostics() {
    for (const diag::Diagnostic& diagnostic : compiled_.all()) add_diagnostic(diagnostic);
  }

  void add_diagnostic(const diag::Diagnostic& diagnostic) {
    RawFinding raw;
    raw.finding = diag::as_finding(inputs_.sources, diagnostic);
    raw.rule = rule_that_adopts(diagnostic.id);
    if (raw.rule != nullptr) {
      if (is_off(options_.settings, *raw.rule)) return;
      raw.finding.rule = raw.rule->id;
    } else {
      diag::Report one;
      diag::Engine engine;
      engine.report(diagnostic.id, diagnostic.node, {});
      diag::add_diagnostics(one, inputs_.sources, engine);
      const bool known =
          std::any_of(foreign_rules_.begin(), foreign_rules_.end(),
                      [&](const auto& rule) { return rule.id == one.rules.front().id; });
      if (!known) foreign_rules_.push_back(std::move(one.rules.front()));
    }
    findings_.push_back(std::move(raw));
  }

  void sort() {
    const auto key = [](const RawFinding& raw) {
      const auto& place = raw.finding.place;
      // What has no place comes first.
      return std::tuple(place ? place->file.value + 1 : 0U,
                        place ? place->begin : source::Position{0, 0},
                        std::string_view(raw.finding.rule), std::string_view(raw.finding.message));
    };
    std::stable_sort(findings_.begin(), findings_.end(),
                     [&key](const auto& a, const auto& b) { return key(a) < key(b); });
    // Entries that share an item say the same thing of it once.
    const auto same = [&key](const RawFinding& a, const RawFinding& b) {
      return key(a) == key(b) && a.finding.place.has_value();
    };
    findings_.erase(std::unique(findings_.begin(), findings_.end(), same), findings_.end());
  }

  void apply_settings() {
    std::map<std::uint32_t, std::string> paths;
    std::erase_if(findings_, [&](RawFinding& raw) {
      std::string path;
      if (raw.finding.place && !options_.settings.paths.empty()) {
        const source::FileId file = raw.finding.place->file;
        const auto [at, fresh] = paths.try_emplace(file.value);
        const std::string& name = inputs_.sources.name(file);
        if (fresh) at->second = options_.path_of ? options_.path_of(name) : name;
        path = at->second;
      }
      const auto severity =
          severity_in(options_.settings, raw.finding.rule, raw.finding.severity, path);
      if (severity) raw.finding.severity = *severity;
      return !severity;
    });
  }

  // Rule, policy, and the text of the line without its white space: what moves, or is formatted
  // anew, keeps its fingerprint. Equal ones are numbered.
  void add_fingerprints() {
    std::map<std::string, unsigned> count;
    for (RawFinding& raw : findings_) {
      std::string identity = raw.finding.rule + '\0' + raw.object + '\0';
      if (raw.finding.place) {
        const source::Range& range = *raw.finding.place;
        if (raw.object.empty()) identity += inputs_.sources.name(range.file) + '\0';
        for (const char c : inputs_.sources.line_text(range.file, range.begin.line)) {
          if (c != ' ' && c != '\t' && c != '\r') identity += c;
        }
      } else {
        identity += raw.finding.message;
      }
      identity += '\0' + std::to_string(count[identity]++);
      raw.finding.fingerprint = sha256_hex(identity).substr(0, 32);
    }
  }

  const Inputs& inputs_;
  const diag::Engine& compiled_;
  const Options& options_;
  std::vector<RawFinding> findings_;
  std::vector<diag::FindingRule> foreign_rules_;
  std::set<std::pair<diag::Id, source::NodeId>> seen_conflicts_;
};

}  // namespace

diag::Report run(const Inputs& inputs, const diag::Engine& compiled, const Options& options) {
  return Run(inputs, compiled, options).go();
}

bool matches_glob(std::string_view pattern, std::string_view path) {
  if (pattern.empty()) return path.empty();
  if (pattern.starts_with("**")) {
    std::string_view rest = pattern.substr(2);
    if (rest.starts_with('/') && matches_glob(rest.substr(1), path)) return true;
    for (std::size_t i = 0; i <= path.size(); ++i) {
      if (matches_glob(rest, path.substr(i))) return true;
    }
    return false;
  }
  if (pattern.front() == '*') {
    for (std::size_t i = 0; i <= path.size(); ++i) {
      if (matches_glob(pattern.substr(1), path.substr(i))) return true;
      if (i < path.size() && path[i] == '/') return false;
    }
    return false;
  }
  if (path.empty()) return false;
  if (pattern.front() != path.front() && (pattern.front() != '?' || path.front() == '/'))
    return false;
  return matches_glob(pattern.substr(1), path.substr(1));
}

diag::FindingRule describe(const Rule& rule) {
  diag::FindingRule described;
  described.id = rule.id;
  described.name = rule.name;
  described.severity = rule.severity;
  described.summary = rule.summary;
  described.description = rule.what;
  described.help = page_of(rule);
  described.tags = {"kubernetes", "network-policy"};
  if (!rule.security_severity.empty()) described.tags.emplace_back("security");
  described.precision = rule.needs_inventory ? "medium" : "high";
  described.security_severity = rule.security_severity;
  return described;
}

}  // namespace policyc::lint
