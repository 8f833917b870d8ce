#include "compiler/identity/atom_table.h"

#include <algorithm>
#include <utility>

#include "compiler/support/check.h"

namespace policyc::identity {

using policy::Operator;

std::vector<AtomId> AtomTable::acquire(const policy::Requirement& requirement) {
  const bool values = requirement.op == Operator::In || requirement.op == Operator::NotIn;
  std::vector<AtomId> atoms;
  if (requirement.source == "cidr" && !values) {
    // A key that is no prefix contains nothing: no atom.
    if (const auto prefix = policy::parse_cidr_label_key(requirement.key)) {
      atoms.push_back(acquire_cidr(*prefix));
    }
    return atoms;
  }
  if (!values) {
    atoms.push_back(acquire_text(requirement.source, requirement.key, std::nullopt));
    return atoms;
  }
  atoms.reserve(requirement.values.size());
  for (const std::string& value : requirement.values) {
    if (requirement.source == "cidrgroup") {
      const std::string key = policy::cidr_group_value_key(requirement.key, value);
      atoms.push_back(acquire_text(requirement.source, key, std::nullopt));
    } else {
      atoms.push_back(acquire_text(requirement.source, requirement.key, value));
    }
  }
  return atoms;
}

AtomId AtomTable::take_id() {
  if (free_.empty()) {
    atoms_.emplace_back();
    return static_cast<AtomId>(atoms_.size() - 1);
  }
  const AtomId id = free_.back();
  free_.pop_back();
  return id;
}

AtomId AtomTable::acquire_text(const std::string& source, const std::string& key,
                               const std::optional<std::string>& value) {
  Key& entry = keys_[key];
  std::vector<Sourced>& list = value ? entry.values[*value] : entry.present;
  const auto known = std::find_if(list.begin(), list.end(),
                                  [&](const Sourced& item) { return item.source == source; });
  if (known != list.end()) {
    ++atoms_[known->atom].references;
    return known->atom;
  }
  const AtomId id = take_id();
  atoms_[id].references = 1;
  atoms_[id].text = std::make_unique<Text>(Text{source, key, value});
  list.push_back({source, id});
  return id;
}

AtomId AtomTable::acquire_cidr(const IpPrefix& prefix) {
  if (const auto known = cidrs_.find(prefix)) {
    ++atoms_[*known].references;
    return *known;
  }
  const AtomId id = take_id();
  atoms_[id].references = 1;
  atoms_[id].prefix = prefix;
  cidrs_.add(prefix, id);
  return id;
}

void AtomTable::release(AtomId atom) {
  Atom& entry = atoms_[atom];
  POLICYC_CHECK(entry.references > 0);
  if (--entry.references > 0) return;
  if (entry.text) {
    forget_text(*entry.text);
    entry.text.reset();
  } else {
    cidrs_.remove(entry.prefix);
  }
  free_.push_back(atom);
}

void AtomTable::forget_text(const Text& text) {
  const auto key = keys_.find(text.key);
  POLICYC_CHECK(key != keys_.end());
  const auto same = [&](const Sourced& item) { return item.source == text.source; };
  if (text.value) {
    const auto value = key->second.values.find(*text.value);
    POLICYC_CHECK(value != key->second.values.end());
    std::erase_if(value->second, same);
    if (value->second.empty()) key->second.values.erase(value);
  } else {
    std::erase_if(key->second.present, same);
  }
  if (key->second.present.empty() && key->second.values.empty()) keys_.erase(key);
}

void AtomTable::collect(const policy::LabelSet& labels, std::vector<AtomId>& atoms) const {
  for (const policy::Label& label : labels.all()) {
    if (label.source == "cidr") {
      if (const auto prefix = policy::parse_cidr_label_key(label.key)) {
        cidrs_.containing(*prefix, atoms);
      }
    }
    const auto key = keys_.find(std::string_view(label.key));
    if (key == keys_.end()) continue;
    const auto append = [&](const std::vector<Sourced>& list) {
      for (const Sourced& item : list) {
        if (item.source == "any" || item.source == label.source) atoms.push_back(item.atom);
      }
    };
    append(key->second.present);
    const auto value = key->second.values.find(std::string_view(label.value));
    if (value != key->second.values.end()) append(value->second);
  }
}

}  // namespace policyc::identity
