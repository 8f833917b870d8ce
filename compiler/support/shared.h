#pragma once
// A container whose copies share what it holds until one of them is changed: whoever keeps the
// state of before needs it no second time, and sees at once that it is the same.

#include <atomic>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <utility>

namespace policyc {

template <class Container>
class Shared {
 public:
  using value_type = typename Container::value_type;

  Shared() = default;
  Shared(Container value)  // NOLINT: stands for it
      : value_(std::make_shared<Container>(std::move(value))) {}
  Shared(std::initializer_list<value_type> values) : Shared(Container(values)) {}

  [[nodiscard]] const Container& get() const { return value_ ? *value_ : none(); }
  operator const Container&() const { return get(); }  // NOLINT: stands for it
  // To be changed: for this copy alone.
  [[nodiscard]] Container& edit() {
    if (!value_ || value_.use_count() != 1) {
      value_ = std::make_shared<Container>(get());
    } else {
      // After whatever the last other owner has read.
      std::atomic_thread_fence(std::memory_order_acquire);
    }
    return *value_;
  }

  [[nodiscard]] auto begin() const { return get().begin(); }
  [[nodiscard]] auto end() const { return get().end(); }
  [[nodiscard]] std::size_t size() const { return get().size(); }
  [[nodiscard]] bool empty() const { return get().empty(); }
  [[nodiscard]] auto find(const auto& key) const { return get().find(key); }
  [[nodiscard]] bool contains(const auto& key) const { return get().contains(key); }
  [[nodiscard]] const auto& at(const auto& key) const { return get().at(key); }
  [[nodiscard]] const value_type& operator[](std::size_t index) const { return get()[index]; }

  void push_back(value_type value) { edit().push_back(std::move(value)); }

  // Copies that nobody has changed cost nothing to compare.
  friend bool operator==(const Shared& a, const Shared& b) {
    return a.value_ == b.value_ || a.get() == b.get();
  }

 private:
  [[nodiscard]] static const Container& none() {
    static const Container kNone;
    return kNone;
  }

  // Not const, for edit(); all others read.
  std::shared_ptr<Container> value_;
};

}  // namespace policyc
