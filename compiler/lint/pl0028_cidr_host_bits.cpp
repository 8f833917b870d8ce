#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

void check(const Model& model, Findings& findings) {
  for_each_cidr(model, [&](const WrittenCidr& cidr) {
    const std::string& text = cidr.text->value;
    const std::size_t slash = text.find('/');
    if (slash == std::string::npos) return;
    const auto address = parse_ip_address(text.substr(0, slash));
    if (!address || *address == cidr.prefix.address) return;
    const std::string canonical = cidr.prefix.to_string();
    diag::Finding& finding =
        findings.add(cidr.spec->object, cidr.text->node,
                     diag::quoted(text) + " has bits set behind its length: it means " +
                         diag::quoted(canonical));
    finding.help = "for the one address write " + diag::quoted(host_prefix(*address).to_string());
    const source::Range& range = findings.sources().range(cidr.text->node);
    const auto width = range.end.column - range.begin.column;
    if (range.begin.line != range.end.line) return;
    // Quotes around it stay.
    if (width == text.size()) {
      finding.fix = diag::Fix{"write " + canonical, {{range, canonical}}};
    } else if (width == text.size() + 2) {
      source::Range inner = range;
      ++inner.begin.column;
      --inner.end.column;
      finding.fix = diag::Fix{"write " + canonical, {{inner, canonical}}};
    }
  });
}

}  // namespace

constinit const Rule kCidrHostBits{
    .id = "PL0028",
    .name = "cidr-host-bits",
    .severity = diag::Severity::Warning,
    .summary = "a CIDR whose address has bits set that its length takes away",
    .what =
        "A prefix such as `10.1.2.3/8`. Cilium, like policyc, clears the bits: it means "
        "`10.0.0.0/8`.",
    .why = "Whoever wrote an address and `/8` may have meant the address.",
    .example = R"(  - toCIDR: [10.1.2.3/8]           # PL0028
)",
    .repair = "`--fix` writes what it means. For the address alone write `/32` or `/128`.",
    .fixable = true,
    .check = check,
};

}  // namespace policyc::lint
