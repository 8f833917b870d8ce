#include "compiler/graph/phrase.h"

#include <algorithm>
#include <vector>

namespace policyc::graph {
namespace {

constexpr std::size_t kListed = 12;
constexpr std::size_t kMissing = 3;  // so many exceptions are shorter than a list

std::string joined(const std::vector<std::string>& items, const std::string& noun) {
  std::string text;
  for (std::size_t i = 0; i < std::min(kListed, items.size()); ++i)
    text += (i == 0 ? "" : ", ") + items[i];
  if (items.size() > kListed)
    text += " and " + std::to_string(items.size() - kListed) + " more " + noun;
  return text;
}

class Phrase {
 public:
  Phrase(const Graph& graph, const UnitSet& set) : graph_(graph), inside_(graph.units.size()) {
    set.for_each([&](UnitId unit) { inside_[unit] = true; });
  }

  std::string run() {
    endpoints();
    group(graph_.first_node, graph_.first_world, "every node");
    group(graph_.first_world, static_cast<UnitId>(graph_.units.size()), "the world");
    return joined(parts_, "groups");
  }

 private:
  [[nodiscard]] std::vector<std::string> names(UnitId first, UnitId end, bool inside) const {
    std::vector<std::string> result;
    for (UnitId unit = first; unit < end; ++unit) {
      if (inside_[unit] == inside) result.push_back(graph_.units[unit].name);
    }
    return result;
  }

  // Whether "all but a few" is the better way to say it.
  static bool nearly_all(std::size_t inside, std::size_t missing) {
    return missing <= kMissing && inside > 2 * missing && inside > 1;
  }

  void endpoints() {
    const auto all = names(0, graph_.first_node, true);
    const auto missing = names(0, graph_.first_node, false);
    if (all.empty()) return;
    if (missing.empty()) {
      parts_.push_back("every pod");
    } else if (nearly_all(all.size(), missing.size())) {
      parts_.push_back("every pod but " + joined(missing, "groups"));
    } else {
      by_namespace();
    }
  }

  void by_namespace() {
    std::vector<std::string> whole;
    std::vector<std::string> others;
    for (UnitId first = 0; first < graph_.first_node;) {
      const std::string& name = graph_.units[first].namespace_;
      UnitId end = first;
      while (end < graph_.first_node && graph_.units[end].namespace_ == name) ++end;
      auto inside = names(first, end, true);
      const auto missing = names(first, end, false);
      if (missing.empty() && !name.empty()) {
        whole.push_back(name);
      } else if (nearly_all(inside.size(), missing.size())) {
        others.push_back("every pod of namespace " + name + " but " + joined(missing, "groups"));
      } else {
        std::move(inside.begin(), inside.end(), std::back_inserter(others));
      }
      first = end;
    }
    if (!whole.empty()) {
      parts_.push_back(std::string("every pod of namespace") + (whole.size() == 1 ? " " : "s ") +
                       joined(whole, "namespaces"));
    }
    std::move(others.begin(), others.end(), std::back_inserter(parts_));
  }

  void group(UnitId first, UnitId end, const std::string& all) {
    auto inside = names(first, end, true);
    if (inside.empty()) return;
    if (inside.size() == end - first) {
      parts_.push_back(all);
    } else {
      std::move(inside.begin(), inside.end(), std::back_inserter(parts_));
    }
  }

  const Graph& graph_;
  std::vector<bool> inside_;
  std::vector<std::string> parts_;
};

}  // namespace

std::string describe(const Graph& graph, const UnitSet& set) { return Phrase(graph, set).run(); }

std::string endpoint_count(const Graph& graph, const UnitSet& set) {
  std::size_t count = 0;
  set.for_each([&](UnitId unit) { count += graph.units[unit].endpoints.size(); });
  if (count == 0) return {};
  return std::to_string(count) + (count == 1 ? " pod" : " pods");
}

}  // namespace policyc::graph
