#include "compiler/eval/verdict.h"

#include <algorithm>
#include <tuple>

#include "compiler/eval/auth.h"

namespace policyc::eval {

namespace {

auto strength(const Match& match) {
  return std::tuple(match.precedence, match.key_length, match.names_peer);
}

}  // namespace

int precedence_of(const PeerPolicy& peer) {
  if (peer.deny) {
    return kDenyPrecedence;
  }
  return peer.is_redirect() ? kDenyPrecedence - peer.priority : kAllowPrecedence;
}

const Match* strongest(const std::vector<Match>& matches) {
  const auto found =
      std::max_element(matches.begin(), matches.end(),
                       [](const Match& a, const Match& b) { return strength(a) < strength(b); });
  return found == matches.end() ? nullptr : &*found;
}

void decide(const std::vector<Match>& matches, FlowResult& result) {
  const Match* winner = strongest(matches);
  if (winner == nullptr) {
    result.verdict = Verdict::Deny;
    result.by_default = true;
    return;
  }
  for (const Match& match : matches) {
    if (strength(match) == strength(*winner) && match.peer != nullptr) {
      for (const policy::Origin* origin : match.peer->origins) {
        result.origins.push_back(*origin);
      }
    }
  }
  if (winner->precedence == kDenyPrecedence) {
    result.verdict = Verdict::Deny;
    return;
  }
  result.verdict = Verdict::Allow;
  if (winner->peer != nullptr && winner->peer->is_redirect()) {
    result.verdict = Verdict::Redirect;
    result.parser = winner->peer->parser_text();
    result.listener = winner->peer->listener;
  }
  if (const auto requirement = auth_requirement(matches)) {
    result.auth = policy::auth_name(requirement->type);
    result.auth_source = requirement->is_explicit ? "explicit" : "derived";
  }
}

}  // namespace policyc::eval
