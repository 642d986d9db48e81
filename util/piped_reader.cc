#include "util/piped_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <thread>
#include <utility>

#include "util/error.h"
#include "util/fd.h"

namespace util {
namespace {

constexpr int kPipeSize = 1 << 20;

/// Nobody reads any more.
class ReaderGone final : public Error {
 public:
  ReaderGone() : Error("write into a pipe: nobody reads it any more") {}
};

class PipeWriter final : public Writer {
 public:
  explicit PipeWriter(int fd) : fd_(fd) {}
  void write(Bytes data) override {
    try {
      write_all(fd_, data);
    } catch (const SystemError& error) {
      if (error.code() == EPIPE) throw ReaderGone();
      throw;
    }
  }

 private:
  int fd_;
};

/// A closed pipe is an error of `write` here, whatever the process does with the signal.
void block_sigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace

struct PipedReader::State {
  Pipe pipe = Pipe::open();
  std::exception_ptr failure;
  std::thread thread;

  void run(const std::function<void(Writer&)>& write) {
    block_sigpipe();
    try {
      PipeWriter writer(pipe.write.get());
      write(writer);
    } catch (const ReaderGone&) {
      // The reader knows.
    } catch (...) {
      failure = std::current_exception();
    }
    pipe.write.reset();
  }
  void join() {
    if (thread.joinable()) thread.join();
  }
};

PipedReader::PipedReader(std::function<void(Writer&)> write) : state_(std::make_unique<State>()) {
  ::fcntl(state_->pipe.read.get(), F_SETPIPE_SZ, kPipeSize);  // fewer switches; a refusal does no harm
  state_->thread = std::thread([state = state_.get(), write = std::move(write)] { state->run(write); });
}

PipedReader::~PipedReader() {
  state_->pipe.read.reset();
  state_->join();
}

int PipedReader::fd() const { return state_->pipe.read.get(); }

std::size_t PipedReader::read(std::span<std::byte> buffer) {
  if (buffer.empty()) return 0;
  for (;;) {
    const ssize_t count = ::read(state_->pipe.read.get(), buffer.data(), buffer.size());
    if (count > 0) return static_cast<std::size_t>(count);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("read from a pipe");
    state_->join();
    if (state_->failure) std::rethrow_exception(state_->failure);
    return 0;
  }
}

void PipedReader::finish() {
  state_->pipe.read.reset();
  state_->join();
  if (state_->failure) std::rethrow_exception(state_->failure);
}

}  // namespace util
