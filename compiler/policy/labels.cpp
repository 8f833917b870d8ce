#include "compiler/policy/labels.h"

#include <algorithm>
#include <atomic>

namespace policyc::policy {

namespace {

auto position_of(auto& labels, std::string_view key) {
  return std::lower_bound(
      labels.begin(), labels.end(), key,
      [](const LabelRef& label, std::string_view wanted) { return label->key < wanted; });
}

}  // namespace

// For a change: nobody else has it.
std::vector<LabelRef>& LabelSet::own() {
  if (!shared_) {
    shared_ = std::make_shared<Shared>();
  } else if (shared_.use_count() > 1) {
    shared_ = std::make_shared<Shared>(shared_->labels);
  } else {
    // Whoever had it too, perhaps another thread, has read it before now.
    std::atomic_thread_fence(std::memory_order_acquire);
    shared_->hash.store(0, std::memory_order_relaxed);
  }
  return shared_->labels;
}

bool LabelSet::add(const Label& label) {
  if (has_key(label.key)) return false;
  std::vector<LabelRef>& labels = own();
  labels.emplace(position_of(labels, label.key), label.source, label.key, label.value);
  return true;
}

void LabelSet::set(std::string_view source, std::string_view key, std::string_view value) {
  std::vector<LabelRef>& labels = own();
  const auto at = position_of(labels, key);
  if (at != labels.end() && (*at)->key == key) {
    *at = LabelRef(source, key, value);
  } else {
    labels.emplace(at, source, key, value);
  }
}

void LabelSet::remove_source(std::string_view source) {
  const auto is_of = [source](const LabelRef& label) { return label->source == source; };
  if (std::ranges::any_of(refs(), is_of)) std::erase_if(own(), is_of);
}

void LabelSet::remove(std::string_view source, std::string_view key) {
  if (!has(source, key)) return;
  std::erase_if(own(), [key](const LabelRef& label) { return label->key == key; });
}

const Label* LabelSet::find_key(std::string_view key) const {
  const std::span<const LabelRef> labels = refs();
  const auto at = position_of(labels, key);
  return at != labels.end() && (*at)->key == key ? &**at : nullptr;
}

bool LabelSet::has(std::string_view source, std::string_view key) const {
  const Label* label = find_key(key);
  return label != nullptr && label->source == source;
}

std::strong_ordering operator<=>(const LabelSet& a, const LabelSet& b) {
  if (a.shared_ == b.shared_) return std::strong_ordering::equal;
  const std::span<const LabelRef> left = a.refs();
  const std::span<const LabelRef> right = b.refs();
  return std::lexicographical_compare_three_way(
      left.begin(), left.end(), right.begin(), right.end(),
      [](const LabelRef& x, const LabelRef& y) {
        return x == y ? std::strong_ordering::equal : *x <=> *y;
      });
}

std::size_t LabelSet::hash() const {
  if (!shared_) return 1;
  std::size_t result = shared_->hash.load(std::memory_order_relaxed);
  if (result != 0) return result;
  result = 1;
  for (const LabelRef& label : shared_->labels)
    result = (result ^ label.hash()) * 0x9e3779b97f4a7c15U + (result >> 29U);
  result += result == 0 ? 1U : 0U;
  shared_->hash.store(result, std::memory_order_relaxed);
  return result;
}

std::string LabelSet::to_string() const {
  std::string text;
  for (const Label& label : all()) {
    if (!text.empty()) {
      text += ',';
    }
    text += label.source + ":" + label.key;
    if (!label.value.empty()) {
      text += "=" + label.value;
    }
  }
  return text;
}

std::optional<IpPrefix> parse_cidr_label_key(std::string_view key) {
  std::string text(key);
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) {
    return std::nullopt;
  }
  // Only IPv6 has dashes: they stand for the colons that a label key may not contain.
  std::replace(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(slash), '-', ':');
  return parse_ip_prefix(text);
}

Label cidr_label(const IpPrefix& prefix) {
  std::string address = prefix.address.to_string();
  std::replace(address.begin(), address.end(), ':', '-');
  if (address.starts_with('-')) {
    address.insert(address.begin(), '0');
  }
  if (address.ends_with('-')) {
    address += '0';
  }
  return Label{"cidr", address + "/" + std::to_string(prefix.length), ""};
}

std::string cidr_group_value_key(std::string_view key, std::string_view value) {
  return std::string(key) + "=" + std::string(value);
}

}  // namespace policyc::policy
