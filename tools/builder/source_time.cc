#include "tools/builder/source_time.h"

#include "tools/builder/archive_files.h"

namespace builder {
namespace {

std::optional<std::int64_t> time_of_download(const llb::HttpSource& source, const RemoteSources& remote) {
  if (const auto time = remote.http.last_modified(source, remote.stop)) return time;
  const source::Pin pin = remote.http.pin(llb::SourceOp(source), nullptr, remote.stop);
  if (!is_archive(*remote.content.open(pin.digest))) return std::nullopt;
  return newest_member_time(*remote.content.open(pin.digest));
}

}  // namespace

std::function<std::optional<std::int64_t>(const llb::SourceOp&)> make_source_time(const RemoteSources& remote) {
  return [&remote](const llb::SourceOp& op) -> std::optional<std::int64_t> {
    if (const auto* git = std::get_if<llb::GitSource>(&op)) return remote.git.commit_time(*git, remote.stop);
    if (const auto* http = std::get_if<llb::HttpSource>(&op)) return time_of_download(*http, remote);
    return std::nullopt;
  };
}

}  // namespace builder
