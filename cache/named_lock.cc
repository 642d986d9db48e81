#include "cache/named_lock.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "util/error.h"
#include "util/file_lock.h"

namespace cache {
namespace {

struct NamedLock {
  NamedLock(std::filesystem::path file, util::FileLock held) : path(std::move(file)), lock(std::move(held)) {}
  NamedLock(const NamedLock&) = delete;
  // Deleted while it is still held: who waits for it finds the file without a name and starts anew.
  ~NamedLock() { ::unlink(path.c_str()); }

  std::filesystem::path path;
  util::FileLock lock;
};

}  // namespace

std::shared_ptr<void> lock_named(const std::filesystem::path& directory, const std::string& name,
                                 std::stop_token stop) {
  std::filesystem::path path = directory / name;
  while (true) {
    util::FileLock lock = util::FileLock::acquire(path, util::LockMode::exclusive, stop);
    struct stat status = {};
    if (::fstat(lock.fd(), &status) != 0) util::throw_errno("look at the lock `" + path.string() + "`");
    if (status.st_nlink == 0) continue;
    return std::make_shared<NamedLock>(std::move(path), std::move(lock));
  }
}

}  // namespace cache
