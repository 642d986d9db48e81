#pragma once

#include <mutex>
#include <utility>

namespace util {

/// Data that can be reached only through its lock: `sync.lock()->member`.
template <typename T>
class Sync {
 public:
  template <typename... Args>
  explicit Sync(Args&&... args) : data_(std::forward<Args>(args)...) {}
  Sync(const Sync&) = delete;
  Sync& operator=(const Sync&) = delete;

  class Lock {
   public:
    T* operator->() { return data_; }
    T& operator*() { return *data_; }
    /// For condition variables.
    std::unique_lock<std::mutex>& mutex_lock() { return lock_; }

   private:
    friend class Sync;
    Lock(std::mutex& mutex, T* data) : lock_(mutex), data_(data) {}
    std::unique_lock<std::mutex> lock_;
    T* data_;
  };
  [[nodiscard]] Lock lock() { return Lock(mutex_, &data_); }
  [[nodiscard]] Lock lock() const { return Lock(mutex_, &data_); }

 private:
  mutable std::mutex mutex_;
  mutable T data_;
};

}  // namespace util
