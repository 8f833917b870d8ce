#pragma once
// The labels of all identities, each stored once, and who carries them.

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/identity/ids.h"
#include "compiler/policy/selector.h"
#include "compiler/support/ip.h"

namespace policyc::identity {

using LabelId = std::uint32_t;
using Slot = std::uint32_t;  // of an identity in IdentityStore

class LabelTable {
 public:
  // Adds a carrier; its position in carriers() is the number of carriers before.
  LabelId add_carrier(const policy::Label& label, Slot carrier);
  // Takes the carrier at a position away and puts the last one into its place. A label without
  // carriers is forgotten.
  void remove_carrier(LabelId label, std::uint32_t position);

  [[nodiscard]] const std::vector<Slot>& carriers(LabelId label) const {
    return labels_[label].carriers;
  }
  [[nodiscard]] policy::Label label(LabelId label) const;
  // Replaces `found` by the labels that make the requirement true (In, Exists) or false (NotIn,
  // DoesNotExist), ascending.
  void find(const policy::Requirement& requirement, std::vector<LabelId>& found) const;
  [[nodiscard]] std::size_t size() const { return labels_.size() - free_.size(); }
  [[nodiscard]] std::size_t heap_bytes() const;

 private:
  struct Key {
    const std::string* name = nullptr;
    std::vector<LabelId> labels;
  };
  struct Entry {
    std::string source;
    std::string value;
    std::uint32_t key = 0;
    std::uint32_t key_position = 0;  // in Key::labels
    std::vector<Slot> carriers;
  };
  LabelId create(const policy::Label& label, std::uint64_t hash);
  void forget(LabelId label);
  [[nodiscard]] const Key* find_key(std::string_view name) const;
  void append_present(std::string_view source, std::string_view key,
                      std::vector<LabelId>& found) const;
  void append_inside(std::string_view cidr_key, std::vector<LabelId>& found) const;

  std::vector<Entry> labels_;
  std::vector<LabelId> free_;
  std::vector<Key> keys_;
  std::vector<std::uint32_t> free_keys_;
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> key_ids_;
  std::unordered_multimap<std::uint64_t, LabelId> by_hash_;  // of key and value
  std::multimap<IpPrefix, LabelId> cidrs_;  // labels inside a prefix are neighbours
};

}  // namespace policyc::identity
