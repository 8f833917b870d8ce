#include "cli/change_findings.h"

#include <utility>

#include "compiler/explain/origin_places.h"
#include "compiler/explain/rule_text.h"
#include "compiler/support/sha256.h"

namespace policyc::cli {
namespace {

using diag::Severity;
using explain::Outcome;

constexpr const char* kAllowed = "PD0001";
constexpr const char* kDenied = "PD0002";
constexpr const char* kOtherwise = "PD0003";
constexpr const char* kNewlyDenied = "PR0001";
constexpr const char* kNewlyAllowed = "PR0002";

diag::Report empty_report(const char* command) {
  diag::Report out;
  out.command = command;
  out.version = POLICYC_VERSION;
  out.fail_on = Severity::Note;  // as the exit code has it
  return out;
}

void add_rule(diag::Report& report, const char* id, const char* name, Severity severity,
              const char* summary) {
  diag::FindingRule rule;
  rule.id = id;
  rule.name = name;
  rule.severity = severity;
  rule.summary = summary;
  rule.description = std::string(summary) + ".";
  rule.precision = "very-high";
  report.rules.push_back(std::move(rule));
}

// The first place becomes the finding's, the others explain it.
void add_places(diag::Finding& finding, const explain::OriginPlaces& places,
                const std::vector<ir::Origin>& origins, const std::string& text) {
  for (const ir::Origin& origin : origins) {
    const auto place = places.of(origin);
    if (!place) continue;
    if (!finding.place) {
      finding.place = place;
    } else {
      finding.related.push_back({*place, text});
    }
  }
}

bool passes(Outcome outcome) { return outcome == Outcome::Allow || outcome == Outcome::Redirect; }

const char* rule_of(const diff::Region& region) {
  const Outcome before = region.before.outcome;
  const Outcome after = region.after.outcome;
  if (before == Outcome::Deny && passes(after)) return kAllowed;
  if (passes(before) && after == Outcome::Deny) return kDenied;
  return kOtherwise;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string message_of(const diff::Region& region) {
  std::vector<std::string> ports;
  for (const matrix::PortRange& range : region.ports) ports.push_back(ir::to_string(range));
  std::string out = std::string(ir::direction_name(region.direction)) + " of " +
                    joined(region.subjects) + (region.direction == 0 ? " from " : " to ") +
                    region.peers + " on " + joined(ports) + ": was " + region.before.text +
                    ", is " + region.after.text;
  if (!region.requests_removed.empty())
    out += "; no longer lets pass: " + joined(region.requests_removed);
  if (!region.requests_added.empty()) out += "; now lets pass: " + joined(region.requests_added);
  return out;
}

}  // namespace

diag::Report diff_findings(const diff::Report& report, const source::SourceMap& sources) {
  diag::Report out = empty_report("diff");
  add_rule(out, kAllowed, "now-allowed", Severity::Warning,
           "Connections that were denied are allowed");
  add_rule(out, kDenied, "now-denied", Severity::Warning,
           "Connections that were allowed are denied");
  add_rule(out, kOtherwise, "now-otherwise", Severity::Warning,
           "Connections are decided in another way");
  const explain::OriginPlaces places(sources);
  for (const diff::Region& region : report.regions) {
    diag::Finding finding;
    finding.rule = rule_of(region);
    finding.message = message_of(region);
    add_places(finding, places, region.after.origins, region.after.text);
    add_places(finding, places, region.before.origins, "was " + region.before.text);
    finding.fingerprint = sha256_hex(finding.rule + "\n" + finding.message).substr(0, 32);
    out.findings.push_back(std::move(finding));
  }
  return out;
}

diag::Report replay_findings(const replay::Report& report, const source::SourceMap& sources) {
  diag::Report out = empty_report("replay");
  add_rule(out, kNewlyDenied, "newly-denied", Severity::Error,
           "Connections that were seen to pass would be denied");
  add_rule(out, kNewlyAllowed, "newly-allowed", Severity::Warning,
           "Connections that were seen to be denied would be allowed");
  const explain::OriginPlaces places(sources);
  for (const replay::Group& group : report.groups) {
    const bool denied = group.change == replay::Change::NewlyDenied;
    diag::Finding finding;
    finding.rule = denied ? kNewlyDenied : kNewlyAllowed;
    finding.severity = denied ? Severity::Error : Severity::Warning;
    std::string what = group.source + " -> " + group.destination + " : " +
                       explain::port_text(group.protocol, group.port);
    if (!group.request.empty()) what += " " + group.request;
    what += denied ? " would be denied: " : " would be allowed: ";
    what += group.summary;
    finding.fingerprint = sha256_hex(finding.rule + "\n" + what).substr(0, 32);
    finding.message = what + " (" + std::to_string(group.count) +
                      (group.count == 1 ? " flow" : " flows") + ", first in line " +
                      std::to_string(group.first_line) + ")";
    add_places(finding, places, group.origins, "decides too");
    out.findings.push_back(std::move(finding));
  }
  return out;
}

}  // namespace policyc::cli
