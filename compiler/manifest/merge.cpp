#include "compiler/manifest/merge.h"

#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace policyc::manifest {
namespace {

class Merger {
 public:
  Merger(const std::unordered_set<source::NodeId>& merge_keys, diag::Engine& diagnostics)
      : merge_keys_(merge_keys), diagnostics_(diagnostics) {}

  void visit(Node& node) {
    for (Node& item : node.items) visit(item);
    bool has_merge = false;
    for (Member& member : node.members) {
      visit(member.value);
      has_merge = has_merge || is_merge(member);
    }
    if (has_merge) merge_into(node);
  }

  [[nodiscard]] bool ok() const { return ok_; }

 private:
  [[nodiscard]] bool is_merge(const Member& member) const {
    return merge_keys_.contains(member.key_id);
  }

  // The keys are unique here, so there is one `<<` at most.
  void merge_into(Node& mapping) {
    std::vector<Member> own = std::move(mapping.members);
    mapping.members.clear();
    std::size_t at = 0;
    std::set<std::string_view> taken;
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (is_merge(own[i])) {
        at = i;
      } else {
        taken.insert(own[i].key);
      }
    }
    std::vector<Node> sources = take_sources(own[at]);
    check_not_overridden(own, at, sources);
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (i == at) {
        append_merged(mapping, sources, taken);
      } else {
        mapping.members.push_back({own[i].key, own[i].key_id, std::move(own[i].value)});
      }
    }
  }

  std::vector<Node> take_sources(Member& merge) {
    std::vector<Node> sources;
    if (merge.value.is_mapping()) {
      sources.push_back(std::move(merge.value));
    } else if (merge.value.is_sequence()) {
      sources = std::move(merge.value.items);
    } else {
      refuse(merge.value);
    }
    for (const Node& source : sources) {
      if (!source.is_mapping()) refuse(source);
    }
    return sources;
  }

  void refuse(const Node& value) {
    ok_ = false;
    diagnostics_.report(diag::Id::InvalidMerge, value.id,
                        "value of `<<` has type " + std::string(type_name(value)) +
                            "; expected a mapping or a sequence of mappings");
  }

  void check_not_overridden(const std::vector<Member>& own, std::size_t merge,
                            const std::vector<Node>& sources) {
    std::map<std::string_view, source::NodeId> before;
    for (std::size_t i = 0; i < merge; ++i) before.emplace(own[i].key, own[i].key_id);
    for (const Node& source : sources) {
      for (const Member& member : source.members) {
        const auto found = before.find(member.key);
        if (found == before.end()) continue;
        ok_ = false;
        auto& diagnostic = diagnostics_.report(
            diag::Id::AmbiguousMerge, own[merge].key_id,
            "merge key `<<` comes after key " + diag::quoted(member.key) + ", which it also sets");
        diagnostic.infos.push_back({found->second, "set here"});
        diagnostic.infos.push_back({member.key_id, "merged from here"});
        diagnostic.help =
            "put `<<` before the keys that override it; kubectl lets the later one win";
        return;
      }
    }
  }

  // The views in `taken` stay valid: the key strings of `own` and of `sources` are copied, not
  // moved.
  static void append_merged(Node& mapping, std::vector<Node>& sources,
                            std::set<std::string_view>& taken) {
    for (Node& source : sources) {
      for (Member& member : source.members) {
        if (!taken.insert(member.key).second) continue;
        mapping.members.push_back({member.key, member.key_id, std::move(member.value)});
      }
    }
  }

  const std::unordered_set<source::NodeId>& merge_keys_;
  diag::Engine& diagnostics_;
  bool ok_ = true;
};

}  // namespace

bool apply_merges(Node& node, const std::unordered_set<source::NodeId>& merge_keys,
                  diag::Engine& diagnostics) {
  if (merge_keys.empty()) return true;
  Merger merger(merge_keys, diagnostics);
  merger.visit(node);
  return merger.ok();
}

}  // namespace policyc::manifest
