#pragma once
// What to look at again, and when.

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace policyc::watch {

class Schedule {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Replaces what was planned for the key.
  void at(const std::string& key, Time when) {
    cancel(key);
    times_.emplace(key, when);
    order_.emplace(when, key);
  }
  void cancel(const std::string& key) {
    const auto found = times_.find(key);
    if (found == times_.end()) return;
    order_.erase({found->second, key});
    times_.erase(found);
  }
  void clear() {
    times_.clear();
    order_.clear();
  }
  // One key whose time has come.
  [[nodiscard]] std::optional<std::string> take_due(Time now) {
    if (order_.empty() || order_.begin()->first > now) return std::nullopt;
    std::string key = order_.begin()->second;
    cancel(key);
    return key;
  }
  [[nodiscard]] std::optional<Time> next() const {
    if (order_.empty()) return std::nullopt;
    return order_.begin()->first;
  }

 private:
  std::map<std::string, Time> times_;
  std::set<std::pair<Time, std::string>> order_;
};

}  // namespace policyc::watch
