#include "compiler/eval/auth.h"

#include <algorithm>
#include <map>
#include <utility>

namespace policyc::eval {

namespace {

// What Cilium's policy map holds under one key, of those that cover the flow.
struct Key {
  bool names_peer = false;
  int length = 0;
  int precedence = 0;
  std::optional<policy::AuthType> auth;  // explicit
};

// One entry per key: the strongest precedence, and the highest explicit authentication.
std::vector<Key> keys_of(const std::vector<Match>& matches) {
  std::map<std::pair<bool, int>, Key> keys;
  for (const Match& match : matches) {
    Key& key = keys[{match.names_peer, match.key_length}];
    key.names_peer = match.names_peer;
    key.length = match.key_length;
    key.precedence = std::max(key.precedence, match.precedence);
    if (match.peer != nullptr && match.peer->auth && (!key.auth || *key.auth < *match.peer->auth)) {
      key.auth = match.peer->auth;
    }
  }
  std::vector<Key> out;
  for (const auto& [id, key] : keys) {
    out.push_back(key);
  }
  return out;
}

// A key that a broader one of higher precedence covers is not in the map, unless it has its own
// authentication clause: then it takes over the redirect of the broader one.
void apply_precedence(std::vector<Key>& keys) {
  const std::vector<Key> all = keys;
  for (Key& key : keys) {
    for (const Key& other : all) {
      const bool covers =
          other.length <= key.length && (other.names_peer == key.names_peer || !other.names_peer);
      if (covers) {
        key.precedence = std::max(key.precedence, other.precedence);
      }
    }
  }
  std::size_t next = 0;
  std::erase_if(keys, [&](const Key& key) {
    const Key& before = all[next++];
    return !before.auth && before.precedence < key.precedence;
  });
}

const Key* longest(const std::vector<Key>& keys, bool names_peer) {
  const Key* best = nullptr;
  for (const Key& key : keys) {
    if (key.names_peer == names_peer && (best == nullptr || key.length > best->length)) {
      best = &key;
    }
  }
  return best;
}

// The key's own clause, else that of the narrowest key of the same peer that covers it with the
// same precedence.
std::optional<AuthRequirement> requirement_of(const Key& key, const std::vector<Key>& keys) {
  if (key.auth) {
    return AuthRequirement{*key.auth, true};
  }
  const Key* covering = nullptr;
  for (const Key& other : keys) {
    if (other.names_peer == key.names_peer && other.length < key.length && other.auth &&
        other.precedence >= key.precedence &&
        (covering == nullptr || other.length > covering->length)) {
      covering = &other;
    }
  }
  return covering != nullptr ? std::optional(AuthRequirement{*covering->auth, false})
                             : std::nullopt;
}

}  // namespace

std::optional<AuthRequirement> auth_requirement(const std::vector<Match>& matches) {
  std::vector<Key> keys = keys_of(matches);
  apply_precedence(keys);
  const Key* specific = longest(keys, true);
  const Key* wildcard = longest(keys, false);
  const Key* chosen = specific != nullptr ? specific : wildcard;
  if (specific != nullptr && wildcard != nullptr &&
      std::pair(wildcard->precedence, wildcard->length) >
          std::pair(specific->precedence, specific->length)) {
    chosen = wildcard;
  }
  if (chosen == nullptr) {
    return std::nullopt;
  }
  auto requirement = requirement_of(*chosen, keys);
  if (requirement && requirement->is_explicit) {
    return requirement;
  }
  const Key* other = chosen == specific ? wildcard : specific;
  if (other != nullptr && other->precedence == chosen->precedence) {
    const auto from_other = requirement_of(*other, keys);
    if (from_other && (!requirement || requirement->type < from_other->type)) {
      requirement = AuthRequirement{from_other->type, false};
    }
  }
  return requirement;
}

}  // namespace policyc::eval
