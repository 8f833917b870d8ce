#pragma once
// Where the rules that an answer names are written.

#include <optional>
#include <string>
#include <unordered_map>

#include "compiler/ir/ir.h"
#include "compiler/source/source.h"

namespace policyc::explain {

class OriginPlaces {
 public:
  // `sources` must outlive it. Of two files of one name the first counts.
  explicit OriginPlaces(const source::SourceMap& sources);
  // The text of the rule's line, where there is its file; nothing for a rule of an agent option.
  [[nodiscard]] std::optional<source::Range> of(const ir::Origin& origin) const;

 private:
  const source::SourceMap& sources_;
  std::unordered_map<std::string, source::FileId> files_;
};

}  // namespace policyc::explain
