#pragma once
// One label, and labels that are shared: of a hundred thousand pods most have the same namespace,
// cluster and account.

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace policyc::policy {

struct Label {
  std::string source;  // "k8s", "reserved", "cidr", "cidrgroup", "fqdn", "node", "unspec"
  std::string key;
  std::string value;
  friend auto operator<=>(const Label&, const Label&) = default;
};

// A label of which this process has one, however many refer to it; it goes with the last of them.
// Several threads may have, copy and drop references to the same label.
class LabelRef {
 public:
  LabelRef(std::string_view source, std::string_view key, std::string_view value);
  LabelRef(const LabelRef& other) noexcept;
  LabelRef(LabelRef&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  LabelRef& operator=(LabelRef other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~LabelRef();

  [[nodiscard]] const Label& operator*() const;
  [[nodiscard]] const Label* operator->() const { return &**this; }
  // Of the label; equal labels are the same one.
  [[nodiscard]] std::size_t hash() const { return std::hash<const void*>{}(shared_); }
  friend bool operator==(const LabelRef& a, const LabelRef& b) { return a.shared_ == b.shared_; }

  struct Shared;

 private:
  Shared* shared_;  // nothing: moved from
};

}  // namespace policyc::policy
