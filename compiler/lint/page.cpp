#include "compiler/lint/page.h"

#include <sstream>

namespace policyc::lint {
namespace {

constexpr std::size_t kWidth = 140;

// Words in lines of at most kWidth characters; a code span may be broken where it has a space.
std::string wrapped(std::string_view text) {
  std::istringstream words{std::string(text)};
  std::string out;
  std::string line;
  for (std::string word; words >> word;) {
    if (!line.empty() && line.size() + 1 + word.size() > kWidth) {
      out += line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return out + line + "\n";
}

std::string anchor(const Rule& rule) {
  std::string text(rule.id);
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text + "-" + std::string(rule.name);
}

constexpr std::string_view kIntroduction =
    R"(# Lint rules

<!-- Made by `policyc lint --print-docs` from the rules in compiler/lint; a test holds it to them. -->

`policyc lint PATH...` reads policies (and, where they are given, pods and workloads) and reports what a cluster would accept and nobody
would want. How to run it, configure it and suppress findings: [the command line](cli.md#lint). The formats of reports: [formats](formats.md).

Rules about what a policy decides are judged from the rules that `policyc compile` makes of it, for every endpoint that a policy
selects, whatever pods exist: what lint says is what the programs do. Rules marked *inventory* need to know the pods: `--endpoints`, or
workloads among the manifests. Mistakes for which a cluster refuses a document keep the compiler's code (`PC0103`), except where a rule below
speaks of them.

)";

}  // namespace

std::string page_of(const Rule& rule) {
  std::string text = wrapped(rule.what) + "\n**Why.** " + wrapped(rule.why) + "\n";
  text += "**Example.**\n\n```yaml\n" + std::string(rule.example) + "```\n\n";
  return text + "**Repair.** " + wrapped(rule.repair);
}

std::string document() {
  std::string text(kIntroduction);
  text += "| rule | severity | finds |\n| --- | --- | --- |\n";
  for (const Rule* rule : registry()) {
    text += "| [" + std::string(rule->id) + " " + std::string(rule->name) + "](#" + anchor(*rule) +
            ") | " + std::string(diag::severity_name(rule->severity)) + " | " +
            std::string(rule->summary) + (rule->needs_inventory ? " (*inventory*)" : "") +
            (rule->fixable ? " (`--fix`)" : "") + " |\n";
  }
  for (const Rule* rule : registry())
    text += "\n## " + std::string(rule->id) + " " + std::string(rule->name) + "\n" + page_of(*rule);
  return text;
}

}  // namespace policyc::lint
