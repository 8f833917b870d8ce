#include <map>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

void check(const Model& model, Findings& findings) {
  std::map<std::string, const manifest::Document*> known;
  for (const manifest::Document& document : model.in().documents) {
    if (!policy::is_policy(document) || document.name.value.empty()) continue;
    const std::string object = object_of(document);
    const auto [at, fresh] = known.try_emplace(object, &document);
    if (fresh) continue;
    findings
        .add(object, document.name.node,
             "there are two policies " + diag::quoted(object) +
                 ": whichever is applied last replaces the other")
        .help = "rename one, or remove it";
    findings.relate(at->second->name.node, "the first one");
    at->second = &document;
  }
}

}  // namespace

constinit const Rule kDuplicatePolicyName{
    .id = "PL0027",
    .name = "duplicate-policy-name",
    .severity = diag::Severity::Error,
    .summary = "two policies of one kind, namespace and name",
    .what =
        "Two documents that the API server takes for the same object. A policy without a "
        "namespace counts as one in `default`.",
    .why =
        "Only one of them is in force, and which one depends on the order in which they are "
        "applied. Whatever looks at the manifests sees both.",
    .example = R"(metadata: {name: web, namespace: shop}
---
metadata: {name: web, namespace: shop}     # PL0027
)",
    .repair =
        "Give each a name of its own. Manifests of several clusters belong into several "
        "runs.",
    .check = check,
};

}  // namespace policyc::lint
