#include "compiler/testlang/check.h"

#include <algorithm>

#include "compiler/explain/explain.h"
#include "compiler/explain/rule_text.h"

namespace policyc::testlang {
namespace {

using explain::Answer;
using explain::End;
using explain::EndAnswer;
using explain::Outcome;
using policy::Protocol;

constexpr std::uint16_t kMaxIcmpType = 0xff;

std::string_view done(Outcome outcome) {
  switch (outcome) {
    case Outcome::Allow:
      return "allowed";
    case Outcome::Redirect:
      return "redirected to a proxy";
    case Outcome::Authenticate:
      return "allowed only if authenticated";
    case Outcome::Deny:
      break;
  }
  return "denied";
}

std::vector<EndAnswer> ends_of(const Answer& answer) {
  std::vector<EndAnswer> out;
  for (const auto& end : {answer.egress, answer.ingress}) {
    if (end) out.push_back(*end);
  }
  return out;
}

// The ends that make the answer what it is.
std::vector<EndAnswer> deciding_ends(const Answer& answer) {
  std::vector<EndAnswer> out = ends_of(answer);
  if (answer.outcome != Outcome::Allow)
    std::erase_if(out, [&](const EndAnswer& end) { return end.outcome != answer.outcome; });
  return out;
}

bool named(const std::string& rule, const EndAnswer& end) {
  if (end.rule == nullptr) return false;
  const ir::Origin& origin = end.rule->origin;
  return rule == origin.object || rule == origin.object + " " + origin.path;
}

class Checker {
 public:
  Checker(explain::Answers& answers, const Assertion& assertion)
      : answers_(answers), assertion_(assertion) {}

  Checked run() {
    const auto from = answers_.world().ends(assertion_.from);
    if (!from) return nobody(assertion_.from_span, from.error().message);
    const auto to = answers_.world().ends(assertion_.to);
    if (!to) return nobody(assertion_.to_span, to.error().message);
    for (const End& source : *from) {
      for (const End& destination : *to) {
        if (!can_meet(source, destination)) continue;
        ++out_.pairs;
        if (!holds(source, destination)) ++out_.failed_pairs;
      }
    }
    if (out_.pairs == 0)
      return nobody(assertion_.span,
                    "no pair of these sides can meet where policy is asked: neither end is a pod, "
                    "or their address families differ");
    if (out_.failure && out_.pairs > 1) {
      out_.failure->message += " (" + std::to_string(out_.failed_pairs) + " of " +
                               std::to_string(out_.pairs) + " kinds of pairs fail)";
    }
    return std::move(out_);
  }

 private:
  Checked nobody(const Span& span, const std::string& message) {
    Checked out;
    out.failure = Failure{Failure::Kind::Nobody, span, message, {}};
    return out;
  }

  // Some policy could be asked, and some packet could go from one to the other.
  static bool can_meet(const End& from, const End& to) {
    return (from.endpoint || to.endpoint) && !(from.v6 && to.v6 && *from.v6 != *to.v6);
  }

  std::vector<Ports> ports_of() const {
    if (!assertion_.ports.empty()) return assertion_.ports;
    std::vector<Ports> all;
    for (const Protocol protocol :
         {Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp, Protocol::IcmpV6}) {
      const bool icmp = protocol == Protocol::Icmp || protocol == Protocol::IcmpV6;
      all.push_back(
          {protocol, 0, icmp ? kMaxIcmpType : std::uint16_t{0xffff}, {}, assertion_.span});
    }
    if (answers_.model().agent.extended_ip_protocols) {
      for (const Protocol protocol : {Protocol::Igmp, Protocol::Vrrp})
        all.push_back({protocol, 0, 0, {}, assertion_.span});
    }
    return all;
  }

  static bool of_other_family(Protocol protocol, const End& end) {
    if (!end.v6) return false;
    return protocol == (*end.v6 ? Protocol::Icmp : Protocol::IcmpV6);
  }

  bool holds(const End& from, const End& to) {
    for (Ports ports : ports_of()) {
      if (of_other_family(ports.protocol, from) || of_other_family(ports.protocol, to)) continue;
      if (!ports.name.empty() && !resolve(ports, to)) return false;
      for (const std::uint16_t port :
           answers_.ports_to_ask(from, to, ports.protocol, ports.first, ports.last)) {
        ++out_.flows;
        const explain::Flow flow{&from, &to, ports.protocol, port, assertion_.request};
        if (!judge(flow, answers_.ask(flow))) return false;
      }
    }
    return true;
  }

  bool resolve(Ports& ports, const End& to) {
    const std::string_view protocol = policy::protocol_name(ports.protocol);
    if (to.endpoint) {
      for (const auto& port : answers_.world().cluster().endpoints[*to.endpoint].ports) {
        if (port.name != ports.name || port.protocol != protocol) continue;
        ports.first = ports.last = port.port;
        return true;
      }
    }
    fail({Failure::Kind::Nobody,
          ports.span,
          "`" + to.name + "` has no port called `" + ports.name + "`",
          {}});
    return false;
  }

  bool judge(const explain::Flow& flow, const Answer& answer) {
    const std::string about = flow.from->name + " -> " + flow.to->name + " : " +
                              explain::port_text(flow.protocol, flow.port);
    if (!is_expected(answer)) {
      Failure failure{Failure::Kind::Wrong, assertion_.verdict, about + " is ", {}};
      failure.message += describe(answer);
      failure.because = because(answer);
      fail(std::move(failure));
      return false;
    }
    if (!assertion_.reason || has_reason(answer)) return true;
    Failure failure{Failure::Kind::Reason, assertion_.reason->span, about + " is ", {}};
    failure.message += std::string(done(answer.outcome)) + " as asserted, but not by this";
    failure.because = because(answer);
    fail(std::move(failure));
    return false;
  }

  bool redirects(const EndAnswer& end) const {
    return end.redirected && (assertion_.parser.empty() || end.rule->parser == assertion_.parser);
  }

  bool is_expected(const Answer& answer) const {
    const std::vector<EndAnswer> ends = ends_of(answer);
    switch (assertion_.expected) {
      case Expected::Allow:
        return answer.outcome == Outcome::Allow;
      case Expected::Deny:
        return answer.outcome == Outcome::Deny;
      case Expected::Authenticate:
        return answer.outcome == Outcome::Authenticate;
      case Expected::Redirect:
        return answer.outcome != Outcome::Deny &&
               std::any_of(ends.begin(), ends.end(),
                           [this](const EndAnswer& end) { return redirects(end); });
      case Expected::Audited:
        return answer.outcome == Outcome::Allow &&
               std::any_of(ends.begin(), ends.end(),
                           [](const EndAnswer& end) { return end.audited; });
    }
    return false;
  }

  std::string describe(const Answer& answer) const {
    std::string text(done(answer.outcome));
    const auto ends = ends_of(answer);
    const auto audited = [](const EndAnswer& end) { return end.audited; };
    if (answer.outcome == Outcome::Redirect)
      text += ", which decides by the request: add `http`, `dns` or `sni`, or assert `redirect`";
    if (assertion_.expected == Expected::Redirect && answer.outcome != Outcome::Deny)
      text +=
          std::any_of(ends.begin(), ends.end(), [](const EndAnswer& end) { return end.redirected; })
              ? ", but by another proxy"
              : " without a proxy";
    if (assertion_.expected == Expected::Audited && std::none_of(ends.begin(), ends.end(), audited))
      text += ", and no policy in audit mode would deny it";
    return text;
  }

  bool has_reason(const Answer& answer) const {
    const std::vector<EndAnswer> ends = deciding_ends(answer);
    return std::any_of(ends.begin(), ends.end(), [this](const EndAnswer& end) {
      if (assertion_.reason->default_deny) return end.by_default;
      return named(assertion_.reason->rule, end);
    });
  }

  static std::vector<Because> because(const Answer& answer) {
    std::vector<Because> out;
    for (const EndAnswer& end : deciding_ends(answer)) {
      const std::string text = std::string(ir::direction_name(end.direction)) + " of " +
                               end.subject->name + ": " + explain::summary_of(end);
      if (end.rule != nullptr) {
        out.push_back({end.rule->origin, text});
        continue;
      }
      out.push_back({{}, text});
      if (!end.by_default || !end.policy->problem.empty()) continue;
      for (const ir::Origin& origin : end.shape().default_deny_origins)
        out.push_back({origin, "puts it into default deny: " + explain::origin_text(origin)});
    }
    return out;
  }

  void fail(Failure failure) {
    if (!out_.failure) out_.failure = std::move(failure);
  }

  explain::Answers& answers_;
  const Assertion& assertion_;
  Checked out_;
};

}  // namespace

Checked check(explain::Answers& answers, const Assertion& assertion) {
  return Checker(answers, assertion).run();
}

}  // namespace policyc::testlang
