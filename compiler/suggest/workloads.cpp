#include "compiler/suggest/workloads.h"

#include <algorithm>
#include <array>

namespace policyc::suggest {
namespace {

// How people name workloads, best first. The first that a pod has selects it.
constexpr std::array<std::string_view, 6> kNames = {
    "app.kubernetes.io/name", "app", "k8s-app", "app.kubernetes.io/component", "name", "run"};

// A value for each rollout, pod or job: such labels select nothing that lasts.
constexpr std::array<std::string_view, 9> kManyValues = {"pod-template-hash",
                                                         "controller-revision-hash",
                                                         "pod-template-generation",
                                                         "apps.kubernetes.io/pod-index",
                                                         "statefulset.kubernetes.io/pod-name",
                                                         "job-name",
                                                         "batch.kubernetes.io/job-name",
                                                         "controller-uid",
                                                         "batch.kubernetes.io/controller-uid"};

policy::StringMap selecting(const policy::StringMap& labels) {
  for (const std::string_view name : kNames) {
    const auto found = labels.find(std::string(name));
    if (found != labels.end() && !found->second.empty()) return {*found};
  }
  policy::StringMap rest = labels;
  std::erase_if(rest, [](const auto& label) {
    return std::find(kManyValues.begin(), kManyValues.end(), label.first) != kManyValues.end();
  });
  return rest;
}

}  // namespace

Workloads::Workloads(const std::set<SeenFlow>& flows) {
  for (const SeenFlow& flow : flows) {
    for (const Party* party : {&flow.source, &flow.destination}) {
      if (!party->is_pod()) continue;
      const auto [found, is_new] =
          by_pod_.try_emplace(key(*party), Workload{party->namespace_, selecting(party->labels)});
      if (is_new) pods_.push_back(*party);
    }
  }
}

}  // namespace policyc::suggest
