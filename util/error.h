#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace util {

/// A failure described in the user's terms: lower case, what was attempted and the object in
/// backquotes, the cause after ": ", no full stop. Context is put in front on the way up.
class Error : public std::exception {
 public:
  explicit Error(std::string message, std::string hint = {})
      : message_(std::move(message)), hint_(std::move(hint)) {}

  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& message() const noexcept { return message_; }

  /// What the user can do about it, one sentence; empty when there is nothing useful to say.
  const std::string& hint() const noexcept { return hint_; }
  void set_hint(std::string hint) { hint_ = std::move(hint); }

  /// Puts "context: " in front of the message.
  void add_context(std::string_view context) {
    message_ = std::string(context) + ": " + message_;
  }

 private:
  std::string message_;
  std::string hint_;
};

/// A failed system call; the text of `code` (an errno value) is appended to the message.
class SystemError : public Error {
 public:
  SystemError(const std::string& message, int code);
  int code() const noexcept { return code_; }

 private:
  int code_;
};

/// Thrown out of a blocking call whose std::stop_token was triggered.
class Cancelled : public Error {
 public:
  Cancelled() : Error("cancelled") {}
};

/// Throws SystemError(message, errno).
[[noreturn]] void throw_errno(const std::string& message);

/// Runs `f`; an Error leaving it gets `context` put in front of its message.
template <typename F>
auto with_context(std::string_view context, F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (Error& error) {
    error.add_context(context);
    throw;
  }
}

}  // namespace util
