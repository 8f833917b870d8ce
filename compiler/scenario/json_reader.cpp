#include "compiler/scenario/json_reader.h"

namespace policyc::scenario {

std::string Value::text() const {
  if (!json_->is_string()) {
    fail("expected a string");
  }
  return json_->get<std::string>();
}

bool Value::flag() const {
  if (!json_->is_boolean()) {
    fail("expected true or false");
  }
  return json_->get<bool>();
}

std::int64_t Value::integer(std::int64_t minimum, std::int64_t maximum) const {
  if (!json_->is_number_integer()) {
    fail("expected an integer");
  }
  const bool fits = !json_->is_number_unsigned() ||
                    json_->get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX);
  const std::int64_t value = fits ? json_->get<std::int64_t>() : INT64_MAX;
  if (value < minimum || value > maximum) {
    fail("expected an integer from " + std::to_string(minimum) + " to " + std::to_string(maximum));
  }
  return value;
}

IpAddress Value::address() const {
  const auto parsed = parse_ip_address(text());
  if (!parsed) {
    fail("`" + text() + "` is not an IP address");
  }
  return *parsed;
}

policy::StringMap Value::string_map() const {
  policy::StringMap out;
  each_member([&out](const std::string& key, const Value& value) { out[key] = value.text(); });
  return out;
}

std::optional<Value> Value::find(const char* key) const {
  if (!json_->is_object()) {
    fail("expected a mapping");
  }
  const auto found = json_->find(key);
  if (found == json_->end() || found->is_null()) {
    return std::nullopt;
  }
  return Value(*found, path_.empty() ? std::string(key) : path_ + "." + key);
}

Value Value::required(const char* key) const {
  auto value = find(key);
  if (!value) {
    fail("`" + std::string(key) + "` is missing");
  }
  return *value;
}

std::string Value::text_or(const char* key, std::string fallback) const {
  const auto value = find(key);
  return value ? value->text() : std::move(fallback);
}

bool Value::flag_or(const char* key, bool fallback) const {
  const auto value = find(key);
  return value ? value->flag() : fallback;
}

}  // namespace policyc::scenario
