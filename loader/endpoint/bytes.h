#pragma once
// Numbers and texts as bytes, for what is too much to be JSON: numbers in groups of seven bits, the
// lowest first, as in protocol buffers; texts after their length. Private to this folder.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"

namespace policyc::endpoint {

class ByteWriter {
 public:
  void number(std::uint64_t value) {
    while (value >= 0x80) {
      bytes_ += static_cast<char>(value | 0x80);
      value >>= 7U;
    }
    bytes_ += static_cast<char>(value);
  }
  void text(std::string_view value) {
    number(value.size());
    bytes_ += value;
  }
  void address(const IpAddress& address) {
    text({reinterpret_cast<const char*>(address.bytes.data()), address.v6 ? 16U : 4U});
  }
  void addresses(const std::vector<IpAddress>& list) {
    number(list.size());
    for (const IpAddress& one : list) address(one);
  }
  void map(const policy::StringMap& map) {
    number(map.size());
    for (const auto& [key, value] : map) {
      text(key);
      text(value);
    }
  }
  void labels(const policy::LabelSet& labels) {
    number(labels.all().size());
    for (const policy::Label& label : labels.all()) {
      text(label.source);
      text(label.key);
      text(label.value);
    }
  }
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Throws std::runtime_error at what is no such thing; whoever reads a whole catches.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) throw std::runtime_error("it ends too early");
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    throw std::runtime_error("a number is too long");
  }
  template <class T>
  T number_up_to(std::uint64_t most) {
    const std::uint64_t value = number();
    if (value > most) throw std::runtime_error("a number is too large");
    return static_cast<T>(value);
  }
  // Of things that take that many bytes at least.
  std::size_t count(std::size_t bytes = 1) {
    const std::uint64_t value = number();  // what is left is less by it
    if (value > rest_.size() / bytes) throw std::runtime_error("it ends too early");
    return static_cast<std::size_t>(value);
  }
  std::string_view text() {
    const std::size_t size = count();
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  std::string string() { return std::string(text()); }
  IpAddress address() {
    const std::string_view bytes = text();
    if (bytes.size() != 4 && bytes.size() != 16) throw std::runtime_error("an address is bad");
    IpAddress address;
    address.v6 = bytes.size() == 16;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      address.bytes[i] = static_cast<std::uint8_t>(bytes[i]);
    return address;
  }
  std::vector<IpAddress> addresses() {
    std::vector<IpAddress> list(count(5));
    for (IpAddress& one : list) one = address();
    return list;
  }
  policy::StringMap map() {
    policy::StringMap map;
    for (std::size_t left = count(); left != 0; --left) {
      std::string key = string();
      map.insert_or_assign(map.end(), std::move(key), string());
    }
    return map;
  }
  policy::LabelSet labels() {
    policy::LabelSet labels;
    for (std::size_t left = count(); left != 0; --left) {
      policy::Label label{string(), {}, {}};
      label.key = string();
      label.value = string();
      if (!labels.add(std::move(label))) throw std::runtime_error("two labels have one key");
    }
    return labels;
  }

 private:
  std::string_view rest_;
};

}  // namespace policyc::endpoint
