#include "compiler/policy/labels.h"

#include <algorithm>

namespace policyc::policy {

namespace {

auto position_of(auto& labels, std::string_view key) {
  return std::lower_bound(
      labels.begin(), labels.end(), key,
      [](const Label& label, std::string_view wanted) { return label.key < wanted; });
}

}  // namespace

bool LabelSet::add(Label label) {
  const auto at = position_of(labels_, label.key);
  if (at != labels_.end() && at->key == label.key) {
    return false;
  }
  labels_.insert(at, std::move(label));
  return true;
}

void LabelSet::set(Label label) {
  const auto at = position_of(labels_, label.key);
  if (at != labels_.end() && at->key == label.key) {
    *at = std::move(label);
  } else {
    labels_.insert(at, std::move(label));
  }
}

void LabelSet::remove_source(std::string_view source) {
  std::erase_if(labels_, [source](const Label& label) { return label.source == source; });
}

void LabelSet::remove(std::string_view source, std::string_view key) {
  std::erase_if(labels_,
                [&](const Label& label) { return label.source == source && label.key == key; });
}

const Label* LabelSet::find_key(std::string_view key) const {
  const auto at = position_of(labels_, key);
  return at != labels_.end() && at->key == key ? &*at : nullptr;
}

bool LabelSet::has(std::string_view source, std::string_view key) const {
  const Label* label = find_key(key);
  return label != nullptr && label->source == source;
}

std::string LabelSet::to_string() const {
  std::string text;
  for (const Label& label : labels_) {
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
