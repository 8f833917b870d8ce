#include "compiler/identity/label_table.h"

#include <algorithm>

#include "compiler/support/check.h"

namespace policyc::identity {

using policy::Operator;

namespace {

// Without the source, so that `any` finds the labels of every source.
std::uint64_t hash_of(std::string_view key, std::string_view value) {
  const TextHash hash;
  return spread(hash(key)) ^ hash(value);
}

bool source_fits(std::string_view wanted, std::string_view source) {
  return wanted == "any" || wanted == source;
}

}  // namespace

LabelId LabelTable::add_carrier(const policy::Label& label, Slot carrier) {
  const std::uint64_t hash = hash_of(label.key, label.value);
  const auto [first, last] = by_hash_.equal_range(hash);
  const auto known = std::find_if(first, last, [&](const auto& item) {
    const Entry& entry = labels_[item.second];
    return entry.value == label.value && entry.source == label.source &&
           *keys_[entry.key].name == label.key;
  });
  const LabelId id = known != last ? known->second : create(label, hash);
  labels_[id].carriers.push_back(carrier);
  return id;
}

LabelId LabelTable::create(const policy::Label& label, std::uint64_t hash) {
  const auto [key, is_new] = key_ids_.try_emplace(label.key, 0);
  if (is_new) {
    if (free_keys_.empty()) {
      free_keys_.push_back(static_cast<std::uint32_t>(keys_.size()));
      keys_.emplace_back();
    }
    key->second = free_keys_.back();
    free_keys_.pop_back();
    keys_[key->second].name = &key->first;
  }
  if (free_.empty()) {
    free_.push_back(static_cast<LabelId>(labels_.size()));
    labels_.emplace_back();
  }
  const LabelId id = free_.back();
  free_.pop_back();
  std::vector<LabelId>& siblings = keys_[key->second].labels;
  labels_[id] = Entry{
      label.source, label.value, key->second, static_cast<std::uint32_t>(siblings.size()), {}};
  siblings.push_back(id);
  by_hash_.emplace(hash, id);
  if (label.source == "cidr") {
    if (const auto prefix = policy::parse_cidr_label_key(label.key)) cidrs_.emplace(*prefix, id);
  }
  return id;
}

void LabelTable::remove_carrier(LabelId label, std::uint32_t position) {
  std::vector<Slot>& carriers = labels_[label].carriers;
  POLICYC_CHECK(position < carriers.size());
  carriers[position] = carriers.back();
  carriers.pop_back();
  if (carriers.empty()) forget(label);
}

void LabelTable::forget(LabelId label) {
  Entry& entry = labels_[label];
  const auto erase_from = [label](auto& index, const auto& wanted) {
    const auto [first, last] = index.equal_range(wanted);
    const auto at =
        std::find_if(first, last, [label](const auto& item) { return item.second == label; });
    POLICYC_CHECK(at != last);
    index.erase(at);
  };
  Key& key = keys_[entry.key];
  erase_from(by_hash_, hash_of(*key.name, entry.value));
  if (entry.source == "cidr") {
    if (const auto prefix = policy::parse_cidr_label_key(*key.name)) erase_from(cidrs_, *prefix);
  }
  const LabelId last = key.labels.back();
  key.labels[entry.key_position] = last;
  labels_[last].key_position = entry.key_position;
  key.labels.pop_back();
  if (key.labels.empty()) {
    free_keys_.push_back(entry.key);
    key_ids_.erase(key_ids_.find(*key.name));
    key = Key{};
  }
  entry = Entry{};
  free_.push_back(label);
}

policy::Label LabelTable::label(LabelId label) const {
  const Entry& entry = labels_[label];
  return {entry.source, *keys_[entry.key].name, entry.value};
}

const LabelTable::Key* LabelTable::find_key(std::string_view name) const {
  const auto found = key_ids_.find(name);
  return found == key_ids_.end() ? nullptr : &keys_[found->second];
}

void LabelTable::append_present(std::string_view source, std::string_view key,
                                std::vector<LabelId>& found) const {
  const Key* entry = find_key(key);
  if (entry == nullptr) return;
  for (const LabelId id : entry->labels) {
    if (source_fits(source, labels_[id].source)) found.push_back(id);
  }
}

void LabelTable::append_inside(std::string_view cidr_key, std::vector<LabelId>& found) const {
  const auto wanted = policy::parse_cidr_label_key(cidr_key);
  if (!wanted) return;
  for (auto at = cidrs_.lower_bound(*wanted); at != cidrs_.end() && wanted->contains(at->first);
       ++at) {
    found.push_back(at->second);
  }
}

void LabelTable::find(const policy::Requirement& requirement, std::vector<LabelId>& found) const {
  found.clear();
  if (requirement.op == Operator::Exists || requirement.op == Operator::DoesNotExist) {
    if (requirement.source == "cidr") {
      append_inside(requirement.key, found);
    } else {
      append_present(requirement.source, requirement.key, found);
    }
  } else {
    for (const std::string& value : requirement.values) {
      if (requirement.source == "cidrgroup") {
        append_present(requirement.source, policy::cidr_group_value_key(requirement.key, value),
                       found);
        continue;
      }
      const auto [first, last] = by_hash_.equal_range(hash_of(requirement.key, value));
      for (auto at = first; at != last; ++at) {
        const Entry& entry = labels_[at->second];
        if (entry.value == value && source_fits(requirement.source, entry.source) &&
            *keys_[entry.key].name == requirement.key) {
          found.push_back(at->second);
        }
      }
    }
  }
  std::sort(found.begin(), found.end());
}

std::size_t LabelTable::heap_bytes() const {
  const auto text_bytes = [](const std::string& text) {
    return text.capacity() > 15 ? text.capacity() + 1 : 0;
  };
  constexpr std::size_t kNode = 2 * sizeof(void*);
  std::size_t bytes = labels_.capacity() * sizeof(Entry) + keys_.capacity() * sizeof(Key) +
                      (free_.capacity() + free_keys_.capacity()) * sizeof(LabelId);
  for (const Entry& entry : labels_) {
    bytes += text_bytes(entry.source) + text_bytes(entry.value);
    bytes += entry.carriers.capacity() * sizeof(Slot);
  }
  for (const Key& key : keys_) bytes += key.labels.capacity() * sizeof(LabelId);
  for (const auto& [name, id] : key_ids_) bytes += sizeof(name) + text_bytes(name) + kNode + 8;
  bytes += (key_ids_.bucket_count() + by_hash_.bucket_count()) * sizeof(void*);
  bytes += by_hash_.size() * (kNode + 16) + cidrs_.size() * (4 * sizeof(void*) + 32);
  return bytes;
}

}  // namespace policyc::identity
