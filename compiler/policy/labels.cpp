#include "compiler/policy/labels.h"

#include <algorithm>
#include <atomic>

namespace policyc::policy {

namespace {

auto position_of(auto& labels, std::string_view key) {
  return std::lower_bound(
      labels.begin(), labels.end(), key,
      [](const Label& label, std::string_view wanted) { return label.key < wanted; });
}

}  // namespace

const std::vector<Label> LabelSet::kNone;

// For a change: nobody else has it.
std::vector<Label>& LabelSet::own() {
  if (!labels_) {
    labels_ = std::make_shared<std::vector<Label>>();
  } else if (labels_.use_count() > 1) {
    labels_ = std::make_shared<std::vector<Label>>(*labels_);
  } else {
    // Whoever had it too, perhaps another thread, has read it before now.
    std::atomic_thread_fence(std::memory_order_acquire);
  }
  return *labels_;
}

bool LabelSet::add(Label label) {
  if (has_key(label.key)) return false;
  std::vector<Label>& labels = own();
  labels.insert(position_of(labels, label.key), std::move(label));
  return true;
}

void LabelSet::set(Label label) {
  std::vector<Label>& labels = own();
  const auto at = position_of(labels, label.key);
  if (at != labels.end() && at->key == label.key) {
    *at = std::move(label);
  } else {
    labels.insert(at, std::move(label));
  }
}

void LabelSet::remove_source(std::string_view source) {
  const auto is_of = [source](const Label& label) { return label.source == source; };
  if (std::ranges::any_of(all(), is_of)) std::erase_if(own(), is_of);
}

void LabelSet::remove(std::string_view source, std::string_view key) {
  if (!has(source, key)) return;
  std::erase_if(own(), [key](const Label& label) { return label.key == key; });
}

const Label* LabelSet::find_key(std::string_view key) const {
  const auto at = position_of(all(), key);
  return at != all().end() && at->key == key ? &*at : nullptr;
}

bool LabelSet::has(std::string_view source, std::string_view key) const {
  const Label* label = find_key(key);
  return label != nullptr && label->source == source;
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
