#pragma once
// The text that iptables-save prints, read into tables. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/result.h"

namespace policyc::kubeproxy {

struct Chain {
  std::string name;
  bool built_in = false;
};

struct Rule {
  std::string chain;
  std::string text;    // what follows "-A CHAIN ", as iptables-restore takes it back
  std::string target;  // of -j or -g; empty without
};

struct Table {
  std::string name;
  std::vector<Chain> chains;
  std::vector<Rule> rules;
};

struct SavedRules {
  std::vector<Table> tables;
  // Tables with rules that iptables cannot express: it does not list them.
  std::vector<std::string> unlisted;
};

// An Error that names the line where something is not understood: what cannot be read whole must
// not be changed.
[[nodiscard]] Result<SavedRules> parse_saved_rules(std::string_view text);

}  // namespace policyc::kubeproxy
