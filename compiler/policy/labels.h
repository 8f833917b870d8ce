#pragma once
// Labels of identities: (source, key, value). Spec section 4.1.

#include <algorithm>
#include <atomic>
#include <compare>
#include <cstddef>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/policy/label.h"
#include "compiler/policy/label_filter.h"
#include "compiler/support/ip.h"

namespace policyc::policy {

// The labels of one identity, sorted by key, one label per key (the first added wins, as in
// Cilium's label map). Copies share what they hold until one is changed, and sets share labels: a
// node keeps the labels of a hundred thousand identities in several tables.
class LabelSet {
 public:
  // Of labels, in the order of their keys.
  class View {
   public:
    class iterator {
     public:
      using iterator_category = std::random_access_iterator_tag;
      using value_type = Label;
      using difference_type = std::ptrdiff_t;
      using pointer = const Label*;
      using reference = const Label&;

      iterator() = default;
      explicit iterator(const LabelRef* at) : at_(at) {}
      reference operator*() const { return **at_; }
      pointer operator->() const { return &**at_; }
      reference operator[](difference_type by) const { return *at_[by]; }
      iterator& operator+=(difference_type by) {
        at_ += by;
        return *this;
      }
      iterator& operator-=(difference_type by) { return *this += -by; }
      iterator& operator++() { return *this += 1; }
      iterator& operator--() { return *this += -1; }
      iterator operator++(int) { return std::exchange(*this, *this + 1); }
      iterator operator--(int) { return std::exchange(*this, *this + -1); }
      friend iterator operator+(iterator it, difference_type by) { return it += by; }
      friend iterator operator+(difference_type by, iterator it) { return it += by; }
      friend iterator operator-(iterator it, difference_type by) { return it -= by; }
      friend difference_type operator-(iterator a, iterator b) { return a.at_ - b.at_; }
      friend auto operator<=>(const iterator&, const iterator&) = default;

     private:
      const LabelRef* at_ = nullptr;
    };
    using const_iterator = iterator;
    using value_type = Label;

    explicit View(std::span<const LabelRef> labels) : labels_(labels) {}
    [[nodiscard]] iterator begin() const { return iterator(labels_.data()); }
    [[nodiscard]] iterator end() const { return iterator(labels_.data() + labels_.size()); }
    [[nodiscard]] std::size_t size() const { return labels_.size(); }
    [[nodiscard]] bool empty() const { return labels_.empty(); }
    [[nodiscard]] const Label& operator[](std::size_t index) const { return *labels_[index]; }
    [[nodiscard]] const Label& front() const { return *labels_.front(); }
    [[nodiscard]] const Label& back() const { return *labels_.back(); }

   private:
    std::span<const LabelRef> labels_;
  };

  // Returns false when the key is taken.
  bool add(const Label& label);
  // Adds or replaces.
  void set(std::string_view source, std::string_view key, std::string_view value);
  void set(const Label& label) { set(label.source, label.key, label.value); }
  void remove_source(std::string_view source);
  void remove(std::string_view source, std::string_view key);

  [[nodiscard]] const Label* find_key(std::string_view key) const;  // whatever the source
  [[nodiscard]] bool has(std::string_view source, std::string_view key) const;
  [[nodiscard]] bool has_key(std::string_view key) const { return find_key(key) != nullptr; }
  // Until the set is changed, or the last copy of it gone.
  [[nodiscard]] View all() const { return View(refs()); }
  [[nodiscard]] bool empty() const { return all().empty(); }
  // "k8s:app=web,k8s:io.kubernetes.pod.namespace=a"; "reserved:host" when the value is empty.
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const LabelSet& a, const LabelSet& b) {
    return a.shared_ == b.shared_ || std::ranges::equal(a.refs(), b.refs());
  }
  friend std::strong_ordering operator<=>(const LabelSet& a, const LabelSet& b);
  // Equal for equal sets, in this process.
  [[nodiscard]] std::size_t hash() const;

 private:
  [[nodiscard]] std::span<const LabelRef> refs() const {
    return shared_ ? std::span<const LabelRef>(shared_->labels) : std::span<const LabelRef>();
  }
  [[nodiscard]] std::vector<LabelRef>& own();

  struct Shared {
    explicit Shared(std::vector<LabelRef> list = {}) : labels(std::move(list)) {}
    std::vector<LabelRef> labels;
    std::atomic<std::size_t> hash = 0;  // 0: not asked for yet
  };
  std::shared_ptr<Shared> shared_;  // nothing: no labels
};

struct LabelSetHash {
  std::size_t operator()(const LabelSet& labels) const noexcept { return labels.hash(); }
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

// The identity labels of a pod after the label filter (spec section 4.1).
[[nodiscard]] LabelSet pod_identity_labels(const StringMap& pod_labels,
                                           const StringMap& namespace_labels,
                                           const std::string& namespace_name,
                                           const std::string& service_account,
                                           const std::string& cluster, const LabelFilter& filter);

// The part of these that does not come from the pod's own labels.
[[nodiscard]] LabelSet derived_identity_labels(const StringMap& namespace_labels,
                                               std::string_view namespace_name,
                                               std::string_view service_account,
                                               std::string_view cluster, const LabelFilter& filter);
// Adds the pod's own.
void add_own_identity_labels(LabelSet& labels, const StringMap& pod_labels,
                             const LabelFilter& filter);

// Those that another cluster's agent gave a pod: `labels` are after the filter, and have those of
// the namespace under their derived keys.
[[nodiscard]] LabelSet told_identity_labels(const StringMap& labels,
                                            const std::string& namespace_name,
                                            const std::string& service_account,
                                            const std::string& cluster);
// Whether labels have some of the namespace under derived keys, as a Pod's own never do.
[[nodiscard]] bool have_namespace_labels(const StringMap& labels);

}  // namespace policyc::policy
