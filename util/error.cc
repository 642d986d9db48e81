#include "util/error.h"

#include <cerrno>
#include <system_error>

namespace util {
namespace {

/// The system's text for an errno value, starting in lower case as our messages do.
std::string errno_text(int code) {
  std::string text = std::generic_category().message(code);
  bool acronym = text.size() > 1 && text[1] >= 'A' && text[1] <= 'Z';
  if (!acronym && !text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

}  // namespace

SystemError::SystemError(const std::string& message, int code)
    : Error(message + ": " + errno_text(code)), code_(code) {}

void throw_errno(const std::string& message) {
  int code = errno;
  throw SystemError(message, code);
}

}  // namespace util
