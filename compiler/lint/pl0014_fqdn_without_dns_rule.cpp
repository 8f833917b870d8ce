#include <algorithm>

#include "compiler/lint/dns.h"
#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"
#include "compiler/lint/subject.h"
#include "compiler/policy/l7/dns_pattern.h"

namespace policyc::lint {
namespace {

namespace l7 = policy::l7;

// A name that a pattern means: each `*` stands for some label's text.
std::string sample_name(const policy::FqdnSelector& selector) {
  if (!selector.match_name.value.empty()) return selector.match_name.value;
  std::string name;
  for (const char c : selector.match_pattern.value) {
    if (c == '*') {
      if (!name.ends_with("sample")) name += "sample";
    } else {
      name += c;
    }
  }
  return name;
}

bool covers(const policy::FqdnSelector& rule, const policy::FqdnSelector& asked) {
  if (!rule.match_pattern.value.empty()) {
    if (rule.match_pattern.value == asked.match_pattern.value) return true;
    return l7::DnsPattern::from_pattern(rule.match_pattern.value, l7::DnsPatternUse::Rule)
        .matches(sample_name(asked));
  }
  return !asked.match_name.value.empty() && l7::normalised_dns_name(rule.match_name.value) ==
                                                l7::normalised_dns_name(asked.match_name.value);
}

std::string written(const policy::FqdnSelector& selector) {
  return selector.match_name.value.empty() ? selector.match_pattern.value
                                           : selector.match_name.value;
}

void check(const Model& model, const SubjectView& view, Findings& findings) {
  std::vector<const policy::FqdnSelector*> rules;
  bool collected = false;
  for (const std::size_t index : view.own) {
    const ItemView* item = model.item_of(index);
    if (item == nullptr || item->item == nullptr || !item->item->fqdns) continue;
    if (!collected) {
      for (const policy::Entry* entry :
           view.entries[static_cast<std::size_t>(policy::Direction::Egress)]) {
        if (entry->deny) continue;
        const auto some = dns_rules(*entry);
        rules.insert(rules.end(), some.begin(), some.end());
      }
      collected = true;
    }
    for (const policy::FqdnSelector& asked : *item->item->fqdns) {
      const bool covered = std::any_of(rules.begin(), rules.end(),
                                       [&](const auto* rule) { return covers(*rule, asked); });
      if (covered) continue;
      findings
          .add(model.entry(index).origin.object(), asked.node,
               diag::quoted(written(asked)) +
                   (rules.empty()
                        ? " has no address: no DNS rule lets the proxy see these endpoints' "
                          "queries"
                        : " has no address: no DNS rule of these endpoints allows that name"))
          .help =
          "allow port 53 to the resolver with `rules: {dns: [{matchPattern: \"*\"}]}`, or "
          "with this name";
    }
  }
}

}  // namespace

constinit const Rule kFqdnWithoutDnsRule{
    .id = "PL0014",
    .name = "fqdn-without-dns-rule",
    .severity = diag::Severity::Warning,
    .summary = "toFQDNs for a name that no DNS rule lets these endpoints ask for",
    .what =
        "A name or pattern of `toFQDNs`, where no policy that surely applies to the same "
        "endpoints has an L7 DNS rule that allows it.",
    .why =
        "Addresses of names are learned from the answers that the DNS proxy sees. Without a "
        "DNS rule it sees none, and `toFQDNs` allows nothing; it may work for a while because "
        "another pod of the node asked for the name.",
    .example = R"(  egress:
  - toFQDNs: [{matchName: api.example.com}]        # PL0014
  - toEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: kube-system, k8s-app: kube-dns}}]
    toPorts: [{ports: [{port: "53", protocol: UDP}]}]      # no `rules: {dns: ...}`
)",
    .repair =
        "Give the DNS rule `rules: {dns: [{matchPattern: \"*\"}]}`, or the names that are "
        "needed.",
    .check_subject = check,
};

}  // namespace policyc::lint
