#pragma once
// Small questions that several rules ask.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/lint/model.h"

namespace policyc::lint {

// A CIDR as a policy writes it, in whichever field.
struct WrittenCidr {
  const SpecView* spec = nullptr;
  const ItemView* item = nullptr;
  const policy::LocatedString* text = nullptr;
  IpPrefix prefix;
  bool is_exception = false;
};
void for_each_cidr(const Model& model, const std::function<void(const WrittenCidr&)>& visit);

// A label selector as written: a subject, or a peer of an item (nullptr: a subject).
struct WrittenSelector {
  const SpecView* spec = nullptr;
  const ItemView* item = nullptr;
  const policy::LabelSelector* selector = nullptr;
  enum class Use : std::uint8_t { Subject, Endpoints, Nodes, Namespaces } use = Use::Subject;
};
void for_each_selector(const Model& model,
                       const std::function<void(const WrittenSelector&)>& visit);

// Each key once, with its place; keys as written, with their source prefix.
void for_each_key(const policy::LabelSelector& selector,
                  const std::function<void(const policy::LocatedString&)>& visit);

// Port statements of an item, as written.
void for_each_port(const ItemView& item,
                   const std::function<void(const policy::PortProtocol&)>& visit);

// A key without its source prefix: `app` of `k8s:app`.
[[nodiscard]] std::string_view bare_key(std::string_view key);
// `k8s`, or empty.
[[nodiscard]] std::string_view key_source(std::string_view key);

[[nodiscard]] std::string lower(std::string_view text);
// Whether one of the words of `text`, split at anything but letters and digits, is `word`.
[[nodiscard]] bool has_word(std::string_view text, std::string_view word);

// "a", "a and b", "a, b and 3 more".
[[nodiscard]] std::string listed(const std::vector<std::string>& names, std::size_t most = 3);
// "1 pod", "2 pods".
[[nodiscard]] std::string counted(std::size_t number, std::string_view what);

// "from" or "to".
[[nodiscard]] inline std::string prefix_of(policy::Direction direction) {
  return direction == policy::Direction::Ingress ? "from" : "to";
}
[[nodiscard]] inline std::string word_of(policy::Direction direction) {
  return direction == policy::Direction::Ingress ? "ingress" : "egress";
}
// "CiliumNetworkPolicy shop/web", as messages name a policy.
[[nodiscard]] std::string called(const SpecView& spec);

}  // namespace policyc::lint
