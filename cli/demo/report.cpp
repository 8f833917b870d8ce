#include "cli/demo/report.h"

#include <iomanip>
#include <ostream>
#include <sstream>

#include "loader/observe/event.h"

namespace policyc::demo {
namespace {

constexpr const char* kIndent = "      ";

std::string milliseconds(double value) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << value << " ms";
  return text.str();
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string what(const Attempt& attempt) {
  std::string text = service_name(attempt.service);
  if (attempt.service != Service::Ping) text += " " + std::to_string(attempt.port);
  return text;
}

}  // namespace

std::string count_of(std::size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

void print_start(std::ostream& out, double elapsed) {
  out << "Start: clang and LLVM are part of this process; loading them took "
      << milliseconds(elapsed) << ", once\n";
}

void print_compile(std::ostream& out, const Build& build) {
  out << "Compile: " << count_of(build.policy_objects, "policy", "policies") << " for "
      << count_of(build.pods.size(), "pod", "pods") << " in " << milliseconds(build.milliseconds())
      << " (front end " << milliseconds(build.front_end_milliseconds) << ")\n";
  for (const CompiledPolicy& policy : build.policies) {
    out << "  policy-" << policy.shape.hash.substr(0, 12) << ".o  " << std::setw(5)
        << policy.object.info.instructions << " instructions  " << std::setw(6)
        << policy.object.object.size() << " bytes  " << std::setw(8)
        << milliseconds(policy.milliseconds) << "  " << joined(policy.users) << "\n";
  }
}

void print_update(std::ostream& out, const Build& build) {
  out << "Live update: the API's policy is replaced under two running connections; ports 8000 to "
         "8003 are closed\n"
      << "  compiled in " << milliseconds(build.milliseconds()) << "\n";
}

void print_load(std::ostream& out, const LoadedPod& pod) {
  out << "  " << std::left << std::setw(9) << pod.pod << std::setw(13)
      << pod.interface << std::right << attach::hook_name(pod.report.hook) << ", "
      << (pod.report.replaced ? "replaced in one step" : "attached") << ", ";
  if (pod.report.shape_loaded) {
    out << "verifier walked " << pod.verified_instructions << " instructions of policy";
  } else {
    out << "policy shared with another pod";
  }
  out << ", " << milliseconds(pod.milliseconds) << "\n";
}

void print_decision(std::ostream& out, const Decision& decision) {
  out << kIndent << (decision.dropped ? "dropped at " : "allowed at ") << decision.pod << " "
      << ir::direction_name(static_cast<std::size_t>(decision.direction));
  if (decision.dropped) out << ": " << observe::reason_text(decision.reason);
  out << "\n";
  const bool by_default = !decision.cause.rule_id;
  for (const ir::Origin& origin : decision.cause.origins) {
    out << kIndent << "  " << (by_default ? "selected by " : "by ") << describe(origin) << "\n";
  }
}

void print_decisions(std::ostream& out, const std::vector<Decision>& decisions) {
  bool policy_has_a_say = false;
  for (const Decision& decision : decisions) {
    if (!decision.dropped && decision.cause.origins.empty()) continue;
    policy_has_a_say = true;
    print_decision(out, decision);
  }
  if (!policy_has_a_say && !decisions.empty()) out << kIndent << "no policy selects either end\n";
}

void print_attempt(std::ostream& out, const Attempt& attempt, const Outcome& outcome,
                   bool with_expectation) {
  const std::string target =
      attempt.to + (attempt.to_address.empty() ? "" : " " + attempt.to_address);
  out << std::left << std::setw(9) << attempt.from << "-> " << std::setw(25) << target
      << std::setw(10) << what(attempt) << (attempt.v6 ? "IPv6  " : "IPv4  ") << std::right;
  if (with_expectation) out << (attempt.expected.answered ? "pass" : "drop") << " expected: ";
  out << outcome.text;
  if (attempt.service == Service::Http) out << " (GET " << kHttpPath << ")";
  out << "\n";
}

}  // namespace policyc::demo
