#pragma once
// The passes, in the order of pipeline.cpp. Each struct's run() is in the file of its name.

#include "compiler/passes/stage.h"

namespace policyc::passes {

#define POLICYC_PASS(Type, From, To, required, name, summary)  \
  struct Type {                                                \
    using Input = From;                                        \
    using Output = To;                                         \
    static constexpr bool kRequired = required;                \
    static constexpr std::string_view kName = name;            \
    static constexpr std::string_view kSummary = summary;      \
    static void run(ir::EndpointPolicy& policy, Context& run); \
  }

POLICYC_PASS(Normalise, Built, Normalised, true, "normalise",
             "put rules, peers and ports in order; drop what stands twice");
POLICYC_PASS(ExpandEntities, Normalised, Selected, true, "expand-entities",
             "make predicates of entities");
POLICYC_PASS(ExpandNamedPorts, Selected, Numbered, true, "expand-named-ports",
             "make numbers of port names");
POLICYC_PASS(ExpandRanges, Numbered, Ranged, true, "expand-ranges",
             "make intervals of port statements and join those that touch");
POLICYC_PASS(DefaultDeny, Ranged, Closed, true, "default-deny",
             "make a rule of the default where it is to allow");
POLICYC_PASS(Merge, Closed, Closed, false, "merge",
             "join rules of one origin that differ in ports alone or in peers alone");
POLICYC_PASS(Precedence, Closed, Ranked, true, "precedence",
             "give each rule its precedence and put the strongest first");
POLICYC_PASS(RemoveDead, Ranked, Ranked, false, "remove-dead",
             "drop rules that stronger rules cover, or that match nothing");
POLICYC_PASS(MergeRows, Ranked, Ranked, false, "merge-rows",
             "join predicates that no rule tells apart; drop peers that stronger rules cover");
POLICYC_PASS(PeerPredicates, Ranked, Ranked, false, "peer-predicates",
             "make one predicate of each rule's peers, shared by rules that agree");
POLICYC_PASS(PrunePredicates, Ranked, Ranked, false, "prune-predicates",
             "forget predicates that no rule asks any more");
POLICYC_PASS(PortClasses, Ranked, Classed, true, "port-classes",
             "split the ports into classes that no rule tells apart");
POLICYC_PASS(VerdictMatrix, Classed, Decided, true, "verdict-matrix",
             "list for each port class the rules that can decide, strongest first");
POLICYC_PASS(MergeColumns, Decided, Compact, true, "merge-columns",
             "join port classes that the same rules decide");
POLICYC_PASS(ChooseForm, Compact, Formed, true, "choose-form",
             "pick constant, compares, table or bit set for each direction");

#undef POLICYC_PASS

}  // namespace policyc::passes
