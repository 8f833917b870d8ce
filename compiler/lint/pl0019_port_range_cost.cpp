#include "compiler/lint/look.h"
#include "compiler/lint/port_cost.h"
#include "compiler/lint/rules.h"
#include "compiler/policy/text_format.h"

namespace policyc::lint {
namespace {

constexpr unsigned kMany = 8;  // prefixes

void check(const Model& model, Findings& findings) {
  for (const SpecView& spec : model.specs()) {
    for (const ItemView& item : spec.items) {
      for_each_port(item, [&](const policy::PortProtocol& port) {
        const auto first = policy::parse_port_number(port.port.value);
        if (!first || !port.end_port || port.end_port->value <= *first ||
            port.end_port->value > 0xffff)
          return;
        const auto last = static_cast<std::uint16_t>(port.end_port->value);
        const unsigned prefixes = port_prefixes(*first, last);
        if (prefixes <= kMany) return;
        const auto [begin, end] = enclosing_block(*first, last);
        diag::Finding& finding =
            findings.add(spec.object, port.node,
                         "ports " + std::to_string(*first) + " to " + std::to_string(last) +
                             " take " + std::to_string(prefixes) +
                             " entries of Cilium's policy map for each peer identity");
        finding.help = begin == 0 && end == 0xffff
                           ? "leave `toPorts` out, or begin and end at a power of two; policyc "
                             "compiles a range to two compares"
                           : std::to_string(begin) + " to " + std::to_string(end) +
                                 " would take one; policyc compiles a range to two compares";
      });
    }
  }
}

}  // namespace

constinit const Rule kPortRangeCost{
    .id = "PL0019",
    .name = "port-range-cost",
    .severity = diag::Severity::Note,
    .summary = "a port range that takes many entries of Cilium's policy map",
    .what =
        "A range whose smallest cover by aligned power-of-two blocks has more than eight of "
        "them. Cilium's map has one entry for each block and each identity of a peer.",
    .why =
        "`1-65535` takes 16 entries for each identity and protocol, all ports take one. With "
        "a peer of some hundred identities a map of 16,384 entries is full, and what does not "
        "fit is missing.",
    .example =
        R"(    toPorts: [{ports: [{port: "1025", endPort: 65534, protocol: TCP}]}]       # PL0019
)",
    .repair =
        "Begin at a multiple of a power of two, or leave the ports out. It costs policyc's "
        "programs nothing.",
    .check = check,
};

}  // namespace policyc::lint
