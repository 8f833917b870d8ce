#include <algorithm>
#include <map>
#include <set>

#include "compiler/graph/units.h"

namespace policyc::graph {
namespace {

using policy::StringMap;

// How people name workloads, best first.
constexpr std::array<std::string_view, 8> kWorkloadKeys = {"app.kubernetes.io/name",
                                                           "app",
                                                           "k8s-app",
                                                           "app.kubernetes.io/component",
                                                           "component",
                                                           "name",
                                                           "app-name",
                                                           "run"};
// One value for each rollout or pod.
constexpr std::array<std::string_view, 6> kManyValues = {"pod-template-hash",
                                                         "controller-revision-hash",
                                                         "pod-template-generation",
                                                         "apps.kubernetes.io/pod-index",
                                                         "statefulset.kubernetes.io/pod-name",
                                                         "job-name"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

class Names {
 public:
  explicit Names(Graph& graph) : graph_(graph) {}

  void run() {
    std::map<std::string, std::vector<UnitId>> by_name;
    common_.resize(graph_.units.size());
    for (UnitId unit = 0; unit < graph_.units.size(); ++unit) {
      common_[unit] = common_labels(graph_.units[unit]);
      graph_.units[unit].name = prefix(unit) + first_name(unit);
      by_name[graph_.units[unit].name].push_back(unit);
    }
    for (const auto& [name, units] : by_name) {
      if (units.size() > 1) tell_apart(units);
    }
    make_unique();
  }

 private:
  const policy::Endpoint& endpoint(UnitId unit, std::size_t i) const {
    return graph_.cluster->endpoints[graph_.units[unit].endpoints[i]];
  }
  [[nodiscard]] std::string prefix(UnitId unit) const {
    const std::string& name = graph_.units[unit].namespace_;
    return name.empty() ? "" : name + "/";
  }

  StringMap common_labels(const Unit& unit) const {
    StringMap common = graph_.cluster->endpoints[unit.endpoints.front()].labels;
    for (const std::size_t i : unit.endpoints) {
      const StringMap& labels = graph_.cluster->endpoints[i].labels;
      std::erase_if(common, [&](const auto& label) {
        const auto found = labels.find(label.first);
        return found == labels.end() || found->second != label.second;
      });
    }
    std::erase_if(common, [](const auto& label) { return contains(kManyValues, label.first); });
    return common;
  }

  std::string first_name(UnitId unit) const {
    for (const std::string_view key : kWorkloadKeys) {
      const auto found = common_[unit].find(std::string(key));
      if (found != common_[unit].end()) return found->first + "=" + found->second;
    }
    return by_members(unit);
  }

  std::string by_members(UnitId unit) const {
    const std::size_t count = graph_.units[unit].endpoints.size();
    const std::string& first = endpoint(unit, 0).name;
    if (count == 1) return first;
    for (const std::string_view key : kWorkloadKeys) {
      constexpr std::size_t kValues = 3;
      std::set<std::string> values;
      for (std::size_t i = 0; i < count && values.size() <= kValues; ++i) {
        const auto found = endpoint(unit, i).labels.find(std::string(key));
        if (found == endpoint(unit, i).labels.end()) {
          values.clear();
          break;
        }
        values.insert(found->second);
      }
      if (values.empty() || values.size() > kValues) continue;
      std::string text = std::string(key) + "=";
      for (const std::string& value : values) text += (value == *values.begin() ? "" : "|") + value;
      return text;
    }
    return first + " and " + std::to_string(count - 1) + " more";
  }

  // Adds to each name the labels that none of the others has.
  void tell_apart(const std::vector<UnitId>& units) {
    constexpr std::size_t kCompared = 50;
    std::map<std::pair<std::string, std::string>, std::size_t> carriers;
    for (const UnitId unit : units) {
      for (const auto& label : common_[unit]) ++carriers[label];
    }
    for (const UnitId unit : units) {
      const std::pair<const std::string, std::string>* best = nullptr;
      std::size_t fewest = units.size();
      for (const auto& label : common_[unit]) {
        const std::size_t count = carriers[label];
        if (count < fewest) {
          fewest = count;
          best = &label;
        }
      }
      if (best != nullptr && units.size() <= kCompared) {
        graph_.units[unit].name += "," + best->first + "=" + best->second;
      } else {
        graph_.units[unit].name += " (" + by_endpoints(unit) + ")";
      }
    }
  }

  std::string by_endpoints(UnitId unit) const {
    const std::size_t count = graph_.units[unit].endpoints.size();
    const std::string& first = endpoint(unit, 0).name;
    return count == 1 ? first : first + " and " + std::to_string(count - 1) + " more";
  }

  void make_unique() {
    std::map<std::string, std::size_t> seen;
    for (const Unit& unit : graph_.units) ++seen[unit.name];
    for (UnitId unit = 0; unit < graph_.units.size(); ++unit) {
      if (seen[graph_.units[unit].name] > 1)
        graph_.units[unit].name += " (" + by_endpoints(unit) + ")";
    }
  }

  Graph& graph_;
  std::vector<StringMap> common_;
};

}  // namespace

void name_units(Graph& graph) { Names(graph).run(); }

}  // namespace policyc::graph
