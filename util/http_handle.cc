#include "util/http_handle.h"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/http.h"

namespace util {
namespace {

/// Notices a transfer in which nothing moves. libcurl's own limit on the speed counts what the system took to be sent;
/// over a slow line that is taken at once and travels for minutes, so what still waits in the socket is left out here.
class StallWatch {
 public:
  StallWatch(const HttpHandle& handle, std::chrono::seconds limit) : handle_(handle), limit_(limit) {}
  /// To be called about once a second. Throws HttpError.
  void check() {
    std::int64_t moved = bytes_moved();
    auto now = std::chrono::steady_clock::now();
    if (moved != moved_) {
      moved_ = moved;
      since_ = now;
    } else if (now - since_ >= limit_) {
      throw HttpError(fmt::format("nothing moved for {} s", limit_.count()), true);
    }
  }

 private:
  std::int64_t bytes_moved() const {
    curl_off_t down = 0, up = 0;
    curl().easy_getinfo(handle_.easy.get(), CURLINFO_SIZE_DOWNLOAD_T, &down);
    curl().easy_getinfo(handle_.easy.get(), CURLINFO_SIZE_UPLOAD_T, &up);
    return down + up - handle_.under_way();
  }

  const HttpHandle& handle_;
  std::chrono::seconds limit_;
  std::int64_t moved_ = -1;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

}  // namespace

int HttpHandle::on_socket(void* self, curl_socket_t socket, curlsocktype) noexcept {
  static_cast<HttpHandle*>(self)->sockets.insert(socket);
  return CURL_SOCKOPT_OK;
}

int HttpHandle::on_close(void* self, curl_socket_t socket) noexcept {
  static_cast<HttpHandle*>(self)->sockets.erase(socket);
  return close(socket);
}

std::int64_t HttpHandle::under_way() const {
  std::int64_t bytes = 0;
  for (curl_socket_t socket : sockets) {
    int waiting = 0;
    if (ioctl(socket, SIOCOUTQ, &waiting) == 0) bytes += waiting;
  }
  return bytes;
}

CURLcode drive(HttpHandle& handle, std::chrono::seconds stall_timeout, const std::exception_ptr& failure,
               const std::stop_token& stop) {
  CURLM* multi = handle.multi.get();
  curl().multi_add_handle(multi, handle.easy.get());
  struct Remove {
    HttpHandle& handle;
    ~Remove() { curl().multi_remove_handle(handle.multi.get(), handle.easy.get()); }
  } remove{handle};
  std::stop_callback wake(stop, [multi] { curl().multi_wakeup(multi); });
  StallWatch stall(handle, stall_timeout);
  for (;;) {
    if (stop.stop_requested()) throw Cancelled();
    int running = 0;
    if (CURLMcode code = curl().multi_perform(multi, &running); code != CURLM_OK) {
      throw HttpError(curl().multi_strerror(code), false);
    }
    if (running == 0 || failure) break;
    stall.check();
    curl().multi_poll(multi, nullptr, 0, 1000, nullptr);
  }
  int left = 0;
  while (CURLMsg* message = curl().multi_info_read(multi, &left)) {
    if (message->msg == CURLMSG_DONE) return message->data.result;
  }
  return CURLE_ABORTED_BY_CALLBACK;
}

}  // namespace util
