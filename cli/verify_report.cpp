#include "cli/verify_report.h"

#include <iomanip>
#include <ostream>

#include <nlohmann/json.hpp>

#include "compiler/ir/ir.h"
#include "compiler/policy/entry.h"

namespace policyc::cli {
namespace {

std::string count_of(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string protocol_text(std::uint8_t protocol) {
  const std::string_view name = policy::protocol_name(static_cast<policy::Protocol>(protocol));
  return name == "unknown" ? "protocol " + std::to_string(protocol) : std::string(name);
}

void print_finding(const verify::Finding& finding, std::ostream& out) {
  const verify::Question& question = finding.question;
  out << "  " << ir::direction_name(question.direction) << " " << protocol_text(question.protocol)
      << " " << question.port << " " << (question.ipv6 ? "IPv6" : "IPv4")
      << (question.direction == 0 ? " from " : " to ") << finding.peer << ": " << finding.problem
      << "\n      evaluator: " << finding.expected << "\n      program:   " << finding.actual
      << "\n";
}

void print_subject(const VerifiedSubject& item, std::ostream& out) {
  const verify::Report& report = item.report;
  out << item.object << "  " << report.subject << "  ";
  for (const std::size_t direction : {0U, 1U}) {
    out << ir::direction_name(direction) << " " << report.peers[direction] << " peers x "
        << report.ports[direction] << " ports  ";
  }
  out << count_of(report.atoms, "atom") << "  " << std::fixed << std::setprecision(1)
      << item.milliseconds << " ms  "
      << (report.agrees() ? "agrees" : count_of(report.found, "finding")) << "\n";
  if (report.stricter > 0) {
    out << "  " << count_of(report.stricter, "atom")
        << " dropped for want of authentication that the agent would not ask for\n";
  }
  if (report.left_out > 0) {
    out << "  at least " << count_of(report.left_out, "kind")
        << " of peers left out: more than --max-peers\n";
  }
}

}  // namespace

std::size_t VerifyOutcome::found() const {
  std::size_t sum = problems.size();
  for (const auto& item : subjects) sum += item.report.found;
  return sum;
}

std::size_t VerifyOutcome::left_out() const {
  std::size_t sum = 0;
  for (const auto& item : subjects) sum += item.report.left_out;
  return sum;
}

std::size_t VerifyOutcome::atoms() const {
  std::size_t sum = 0;
  for (const auto& item : subjects) sum += item.report.atoms;
  return sum;
}

void print_text(const VerifyOutcome& outcome, std::ostream& out) {
  std::size_t printed = 0;
  for (const std::string& problem : outcome.problems) out << problem << "\n";
  for (const VerifiedSubject& item : outcome.subjects) {
    print_subject(item, out);
    for (const verify::Finding& finding : item.report.findings) {
      if (printed++ < outcome.max_findings) print_finding(finding, out);
    }
  }
  out << count_of(outcome.objects, "object") << ", " << count_of(outcome.subjects.size(), "subject")
      << ", " << count_of(outcome.atoms(), "atom") << ", " << count_of(outcome.found(), "finding");
  if (outcome.left_out() > 0)
    out << ", at least " << count_of(outcome.left_out(), "kind") << " of peers left out";
  out << ", " << std::fixed << std::setprecision(1) << outcome.milliseconds << " ms\n";
}

void print_json(const VerifyOutcome& outcome, std::ostream& out) {
  using Json = nlohmann::ordered_json;
  Json subjects = Json::array();
  std::size_t printed = 0;
  for (const VerifiedSubject& item : outcome.subjects) {
    const verify::Report& report = item.report;
    Json findings = Json::array();
    for (const verify::Finding& finding : report.findings) {
      if (printed++ >= outcome.max_findings) break;
      findings.push_back({{"direction", ir::direction_name(finding.question.direction)},
                          {"protocol", finding.question.protocol},
                          {"port", finding.question.port},
                          {"family", finding.question.ipv6 ? 6 : 4},
                          {"peer", finding.peer},
                          {"problem", finding.problem},
                          {"evaluator", finding.expected},
                          {"program", finding.actual}});
    }
    subjects.push_back({{"object", item.object},
                        {"subject", report.subject},
                        {"peers", {{"ingress", report.peers[0]}, {"egress", report.peers[1]}}},
                        {"ports", {{"ingress", report.ports[0]}, {"egress", report.ports[1]}}},
                        {"atoms", report.atoms},
                        {"stricter", report.stricter},
                        {"leftOut", report.left_out},
                        {"milliseconds", item.milliseconds},
                        {"found", report.found},
                        {"findings", std::move(findings)}});
  }
  const Json json = {{"objects", outcome.objects},
                     {"atoms", outcome.atoms()},
                     {"found", outcome.found()},
                     {"leftOut", outcome.left_out()},
                     {"milliseconds", outcome.milliseconds},
                     {"problems", outcome.problems},
                     {"subjects", std::move(subjects)}};
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace policyc::cli
