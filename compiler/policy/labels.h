#pragma once
// Labels of identities: (source, key, value). Spec section 4.1.

#include <compare>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/ip.h"

namespace policyc::policy {

struct Label {
  std::string source;  // "k8s", "reserved", "cidr", "cidrgroup", "fqdn", "node", "unspec"
  std::string key;
  std::string value;
  friend auto operator<=>(const Label&, const Label&) = default;
};

// The labels of one identity, sorted by key, one label per key (the first added wins, as in
// Cilium's label map). Copies share what they hold until one is changed: a node keeps the labels of
// a hundred thousand identities in several tables.
class LabelSet {
 public:
  // Returns false when the key is taken.
  bool add(Label label);
  // Adds or replaces.
  void set(Label label);
  void remove_source(std::string_view source);
  void remove(std::string_view source, std::string_view key);

  [[nodiscard]] const Label* find_key(std::string_view key) const;  // whatever the source
  [[nodiscard]] bool has(std::string_view source, std::string_view key) const;
  [[nodiscard]] bool has_key(std::string_view key) const { return find_key(key) != nullptr; }
  [[nodiscard]] const std::vector<Label>& all() const { return labels_ ? *labels_ : kNone; }
  [[nodiscard]] bool empty() const { return all().empty(); }
  // "k8s:app=web,k8s:io.kubernetes.pod.namespace=a"; "reserved:host" when the value is empty.
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const LabelSet& a, const LabelSet& b) {
    return a.labels_ == b.labels_ || a.all() == b.all();
  }
  friend auto operator<=>(const LabelSet& a, const LabelSet& b) { return a.all() <=> b.all(); }

 private:
  [[nodiscard]] std::vector<Label>& own();

  static const std::vector<Label> kNone;
  std::shared_ptr<std::vector<Label>> labels_;  // nothing: no labels
};

// Names of the labels that Cilium derives (pkg/k8s/apis/cilium.io/const.go).
inline constexpr std::string_view kPodNamespaceKey = "io.kubernetes.pod.namespace";
inline constexpr std::string_view kNamespaceLabelsPrefix = "io.cilium.k8s.namespace.labels.";
inline constexpr std::string_view kServiceAccountKey = "io.cilium.k8s.policy.serviceaccount";
inline constexpr std::string_view kClusterKey = "io.cilium.k8s.policy.cluster";

// The prefix of a `cidr:` label's key (IPv6 colons are written `-`), or nothing when the key is not
// one.
[[nodiscard]] std::optional<IpPrefix> parse_cidr_label_key(std::string_view key);
[[nodiscard]] Label cidr_label(const IpPrefix& prefix);

// The key of the `cidrgroup:` label that encodes one label `key=value` of a CIDR group (spec
// section 5.5).
[[nodiscard]] std::string cidr_group_value_key(std::string_view key, std::string_view value);
inline constexpr std::string_view kCidrGroupNamePrefix = "io.cilium.policy.cidrgroupname/";

using StringMap = std::map<std::string, std::string>;

// The identity labels of a pod after Cilium's default label filter (spec section 4.1).
[[nodiscard]] LabelSet pod_identity_labels(const StringMap& pod_labels,
                                           const StringMap& namespace_labels,
                                           const std::string& namespace_name,
                                           const std::string& service_account,
                                           const std::string& cluster);

}  // namespace policyc::policy
