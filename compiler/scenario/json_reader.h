#pragma once
// Typed access to JSON with errors that name the place. Internal to compiler/scenario.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"

namespace policyc::scenario {

// Thrown inside the readers; caught in read_case.
struct ReadError {
  std::string message;
};

// A JSON value and where it is.
class Value {
 public:
  Value(const nlohmann::json& json, std::string path) : json_(&json), path_(std::move(path)) {}

  [[noreturn]] void fail(const std::string& problem) const {
    throw ReadError{path_ + ": " + problem};
  }
  [[nodiscard]] const std::string& path() const { return path_; }

  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool flag() const;
  [[nodiscard]] std::int64_t integer(std::int64_t minimum, std::int64_t maximum) const;
  [[nodiscard]] IpAddress address() const;
  [[nodiscard]] policy::StringMap string_map() const;

  // The member, or nothing when it is absent or null.
  [[nodiscard]] std::optional<Value> find(const char* key) const;
  [[nodiscard]] Value required(const char* key) const;
  [[nodiscard]] std::string text_or(const char* key, std::string fallback) const;
  [[nodiscard]] bool flag_or(const char* key, bool fallback) const;

  template <class Visit>
  void each_item(Visit visit) const {
    if (!json_->is_array()) {
      fail("expected a list");
    }
    for (std::size_t i = 0; i < json_->size(); ++i) {
      visit(Value((*json_)[i], path_ + "[" + std::to_string(i) + "]"));
    }
  }
  template <class Visit>
  void each_member(Visit visit) const {
    if (!json_->is_object()) {
      fail("expected a mapping");
    }
    for (const auto& [key, member] : json_->items()) {
      visit(key, Value(member, path_.empty() ? key : path_ + "." + key));
    }
  }
  template <class Visit>
  void each_item_of(const char* key, Visit visit) const {
    if (const auto list = find(key)) {
      list->each_item(visit);
    }
  }

 private:
  const nlohmann::json* json_;
  std::string path_;
};

}  // namespace policyc::scenario
