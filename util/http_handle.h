#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <set>
#include <stop_token>
#include <string>

#include "util/http_curl.h"

namespace util {

/// One transfer at a time, with its connections: they belong to the multi handle and outlive the transfer. Used by one
/// thread at a time; both members are null when there was no memory for them.
struct HttpHandle {
  struct FreeEasy {
    void operator()(CURL* easy) const { curl().easy_cleanup(easy); }
  };
  struct FreeMulti {
    void operator()(CURLM* multi) const { curl().multi_cleanup(multi); }
  };

  // Declared first: libcurl tells of the closing of those that are open when the handle goes.
  std::set<curl_socket_t> sockets;
  std::unique_ptr<CURLM, FreeMulti> multi{curl().multi_init()};
  std::unique_ptr<CURL, FreeEasy> easy{curl().easy_init()};
  std::string origin;  ///< where its last connection went

  /// Callbacks of libcurl that keep `sockets`.
  static int on_socket(void* self, curl_socket_t socket, curlsocktype) noexcept;
  static int on_close(void* self, curl_socket_t socket) noexcept;
  /// Bytes that were sent and have not arrived.
  std::int64_t under_way() const;
};

/// Runs the easy handle to its end, or until `failure`, which callbacks set. A stop request wakes it up at once. Throws
/// HttpError when nothing moves for `stall_timeout`, Cancelled.
CURLcode drive(HttpHandle& handle, std::chrono::seconds stall_timeout, const std::exception_ptr& failure,
               const std::stop_token& stop);

}  // namespace util
