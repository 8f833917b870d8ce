#include <algorithm>
#include <array>
#include <cctype>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

// Labels whose value is another one for each pod, or each roll-out.
constexpr std::array<std::string_view, 14> kPerPod = {"pod-template-hash",
                                                      "controller-revision-hash",
                                                      "pod-template-generation",
                                                      "statefulset.kubernetes.io/pod-name",
                                                      "apps.kubernetes.io/pod-index",
                                                      "batch.kubernetes.io/job-completion-index",
                                                      "batch.kubernetes.io/controller-uid",
                                                      "batch.kubernetes.io/job-name",
                                                      "controller-uid",
                                                      "job-name",
                                                      "workflows.argoproj.io/workflow",
                                                      "rollouts-pod-template-hash",
                                                      "spark-app-selector",
                                                      "uid"};

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isxdigit(c) != 0 || c == '-'; });
}

bool is_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

// A UUID, a long hash, a time in seconds.
std::string_view looks_like(std::string_view value) {
  constexpr std::size_t kUuid = 36;
  constexpr std::size_t kHash = 32;
  if (value.size() == kUuid && is_hex(value) && value[8] == '-' && value[13] == '-')
    return "a UUID";
  if (value.size() >= kHash && is_hex(value)) return "a hash";
  if (value.size() >= 10 && value.size() <= 13 && is_digits(value)) return "a time";
  return {};
}

void check(const Model& model, Findings& findings) {
  for_each_selector(model, [&](const WrittenSelector& written) {
    if (written.use == WrittenSelector::Use::Nodes) return;
    for_each_key(*written.selector, [&](const policy::LocatedString& key) {
      if (std::find(kPerPod.begin(), kPerPod.end(), bare_key(key.value)) == kPerPod.end()) return;
      findings
          .add(written.spec->object, key.node,
               "the value of " + diag::quoted(bare_key(key.value)) +
                   " changes with every pod, job or roll-out")
          .help = "select by a label of the workload, such as `app`";
    });
    for (const policy::MatchLabel& label : written.selector->match_labels) {
      const std::string_view what = looks_like(label.value.value);
      if (what.empty()) continue;
      findings
          .add(written.spec->object, label.value.node,
               diag::quoted(label.value.value) + " looks like " + std::string(what) +
                   ": such a value is another one for the next pod")
          .help = "select by a label that all pods of the workload share";
    }
  });
}

}  // namespace

constinit const Rule kHighCardinalityLabel{
    .id = "PL0021",
    .name = "high-cardinality-label",
    .severity = diag::Severity::Warning,
    .summary = "a selector on a label whose value differs from pod to pod",
    .what =
        "A selector on `pod-template-hash`, `controller-revision-hash`, names and numbers of "
        "pods and jobs and their like, or on a value that looks like a UUID, a hash or a time.",
    .why =
        "The selector stops matching with the next roll-out. And each value of an "
        "identity-relevant label is an identity of its own: 65,535 of them are all there are.",
    .example = R"(  endpointSelector:
    matchLabels: {app: web, pod-template-hash: 6d4cf56db6}       # PL0021
)",
    .repair = "Select by labels of the workload, and leave such labels out of Cilium's `labels`.",
    .check = check,
};

}  // namespace policyc::lint
