#pragma once

#include <concepts>
#include <memory>
#include <utility>

namespace util {

/// A text or container that is empty nearly always, where very many are kept: as large as a pointer until something is put
/// into it. Reads as a `const T`; changed by assignment or through `edit`. Copies and compares as a value.
template <typename T>
class Sparse {
 public:
  Sparse() noexcept = default;
  /// Of what a T can be made from.
  template <std::convertible_to<T> From>
  Sparse(From&& from) {
    if (T value = std::forward<From>(from); !value.empty()) value_ = std::make_unique<T>(std::move(value));
  }
  Sparse(const Sparse& other) : value_(other.empty() ? nullptr : std::make_unique<T>(*other)) {}
  Sparse(Sparse&&) noexcept = default;
  Sparse& operator=(Sparse other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~Sparse() = default;

  bool empty() const noexcept { return value_ == nullptr || value_->empty(); }
  void clear() noexcept { value_.reset(); }
  const T& operator*() const noexcept {
    static const T none;
    return value_ ? *value_ : none;
  }
  const T* operator->() const noexcept { return &**this; }
  operator const T&() const noexcept { return **this; }
  T& edit() {
    if (!value_) value_ = std::make_unique<T>();
    return *value_;
  }

  auto begin() const noexcept { return (**this).begin(); }
  auto end() const noexcept { return (**this).end(); }

  friend bool operator==(const Sparse& a, const Sparse& b) { return *a == *b; }
  template <typename Other>
    requires(!std::same_as<Other, Sparse>)
  friend bool operator==(const Sparse& a, const Other& b) {
    return *a == b;
  }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace util
