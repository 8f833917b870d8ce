#pragma once
// Atoms: the smallest questions about labels. A requirement is true when any of its atoms is true,
// or, negated, when none is (NotIn, DoesNotExist).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/identity/cidr_index.h"
#include "compiler/identity/ids.h"
#include "compiler/policy/selector.h"

namespace policyc::identity {

using AtomId = std::uint32_t;  // dense; given again after its last reference went

class AtomTable {
 public:
  // The atoms of a requirement, with one reference taken on each.
  [[nodiscard]] std::vector<AtomId> acquire(const policy::Requirement& requirement);
  void release(AtomId atom);
  // One above the largest id in use so far.
  [[nodiscard]] std::size_t limit() const { return atoms_.size(); }
  // Appends the atoms that are true of these labels; one may be appended several times.
  void collect(const policy::LabelSet& labels, std::vector<AtomId>& atoms) const;

 private:
  struct Sourced {
    std::string source;  // "any" fits every label
    AtomId atom = 0;
  };
  // What is asked about the labels of one key.
  struct Key {
    std::vector<Sourced> present;
    std::unordered_map<std::string, std::vector<Sourced>, TextHash, std::equal_to<>> values;
  };
  struct Text {
    std::string source;
    std::string key;
    std::optional<std::string> value;  // nothing: presence of the key
  };
  struct Atom {
    std::uint32_t references = 0;
    IpPrefix prefix;             // when `text` is null
    std::unique_ptr<Text> text;  // apart, so that atoms of thousands of prefixes stay small
  };

  AtomId acquire_text(const std::string& source, const std::string& key,
                      const std::optional<std::string>& value);
  AtomId acquire_cidr(const IpPrefix& prefix);
  AtomId take_id();
  void forget_text(const Text& text);

  std::vector<Atom> atoms_;
  std::vector<AtomId> free_;
  std::unordered_map<std::string, Key, TextHash, std::equal_to<>> keys_;
  CidrIndex cidrs_;
};

}  // namespace policyc::identity
