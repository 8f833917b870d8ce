#pragma once
// What most objects of a kind say nothing of: a pointer until somebody does.

#include <memory>
#include <utility>

namespace policyc {

template <class T>
class Rare {
 public:
  Rare() = default;
  Rare(T value) : value_(std::make_unique<T>(std::move(value))) {}  // NOLINT: stands for it
  Rare(const Rare& other) : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
  Rare& operator=(const Rare& other) {
    value_ = Rare(other).value_;
    return *this;
  }
  Rare(Rare&&) noexcept = default;
  Rare& operator=(Rare&&) noexcept = default;
  ~Rare() = default;

  [[nodiscard]] bool has_value() const { return value_ != nullptr; }
  // As a new one, when nobody said anything.
  [[nodiscard]] const T& operator*() const { return value_ ? *value_ : none(); }
  [[nodiscard]] const T* operator->() const { return &**this; }
  [[nodiscard]] T& edit() {
    if (!value_) value_ = std::make_unique<T>();
    return *value_;
  }

 private:
  [[nodiscard]] static const T& none() {
    static const T kNone{};
    return kNone;
  }

  std::unique_ptr<T> value_;
};

}  // namespace policyc
