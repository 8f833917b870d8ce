#pragma once
// Questions about DNS that several rules ask.

#include <string>
#include <vector>

#include "compiler/lint/model.h"

namespace policyc::lint {

// Label sets of what may be the cluster's resolver: the pods of the inventory that look like it,
// and what a usual installation has.
[[nodiscard]] std::vector<policy::LabelSet> resolver_labels(const Model& model);

// An egress entry that lets queries to a resolver through: it names port 53 of UDP (of whichever
// peer: somebody thought of DNS), or every port of a peer that may be the resolver.
[[nodiscard]] bool allows_dns(const policy::Entry& entry,
                              const std::vector<policy::LabelSet>& resolvers);

// DNS rules of an entry, which the DNS proxy reads.
[[nodiscard]] std::vector<const policy::FqdnSelector*> dns_rules(const policy::Entry& entry);

}  // namespace policyc::lint
