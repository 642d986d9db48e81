#include <utility>
#include <vector>

#include "cache/damage.h"
#include "exporter/exporters.h"
#include "exporter/image_report.h"
#include "exporter/output_file.h"
#include "exporter/root_tree.h"
#include "util/error.h"
#include "util/tar.h"

namespace exporter {
namespace {

/// Flat archives of root file systems, one after the other in one tar.
class RootArchive {
 public:
  RootArchive(util::Writer& to, std::stop_token stop)
      : tar_(to), stop_(std::move(stop)), buffer_(std::size_t{256} << 10) {}

  void add(const RootTree& root) {
    if (!root.prefix.empty()) add_prefix(root);
    walk(
        root, [&](const oci::LayerEntry& entry) { add(root, entry); }, stop_);
  }
  void finish() { tar_.finish(); }

 private:
  void add_prefix(const RootTree& root) {
    util::TarEntry member;
    member.path = root.prefix;
    member.type = util::FileType::directory;
    member.mode = 0755;
    member.mtime = root.time.value_or(0);
    if (clashes_.add(root.prefix, true)) tar_.add(member);
  }

  void add(const RootTree& root, const oci::LayerEntry& entry) {
    const std::string above = root.prefix.empty() ? "" : root.prefix + "/";
    util::TarEntry member;
    member.path = above + entry.path;
    if (!clashes_.add(member.path, entry.is_directory())) return;
    member.type = entry.type;
    member.mode = entry.mode;
    member.uid = entry.uid;
    member.gid = entry.gid;
    member.mtime = entry.mtime;
    bool has_content = entry.is_file() && entry.hard_link.empty();
    if (entry.hard_link.empty()) {
      member.size = has_content ? entry.size : 0;
      member.link_target = entry.link_target;
      member.device_major = entry.device_major;
      member.device_minor = entry.device_minor;
      member.xattrs = entry.xattrs;
    } else {
      member.hard_link = true;
      member.link_target = above + *entry.hard_link;
    }
    tar_.add(member);
    if (has_content) copy(*root.tree->open(entry.path));
  }

  void copy(util::Reader& content) {
    while (std::size_t count = content.read(buffer_)) {
      if (stop_.stop_requested()) throw util::Cancelled();
      tar_.write(util::Bytes(buffer_).first(count));
    }
  }

  util::TarWriter tar_;
  std::stop_token stop_;
  std::vector<std::byte> buffer_;
  ClashCheck clashes_;
};

class TarExporter final : public Exporter {
 public:
  explicit TarExporter(ExportServices services) : services_(services) {}

  void check(const ExportRequest& request) override { OutputFile::check(request.output.destination); }

  ExportReport run(const ExportRequest& request, std::stop_token stop) override {
    util::ProgressTask task(services_.progress, "exporting to client tarball");
    return run_task(task, [&] {
      // Unpacked before the first byte goes out: a damaged layer is made again, and that starts the export anew.
      for (const PlatformImage& image : request.images) {
        services_.cache.layers().directories(image.layers, &task, stop);
      }
      std::vector<RootTree> roots = open_root_trees(request, services_.cache, stop);
      task.bytes("sending tarball", 0, 0);
      util::with_context("write archive to " + display_destination(request.output.destination), [&] {
        try {
          OutputFile file(request.output.destination);
          RootArchive archive(file, stop);
          for (const RootTree& root : roots) archive.add(root);
          archive.finish();
          file.finish();
        } catch (const cache::Damage& damage) {
          // What went down a pipe cannot be taken back to start anew.
          if (request.output.destination != "-") throw;
          throw util::Error(damage.message(), "what came out so far is useless; run the build again, which mends the store");
        }
      });
      task.bytes("sending tarball", 0, 0, true);
      return ExportReport{};
    });
  }

 private:
  ExportServices services_;
};

}  // namespace

std::unique_ptr<Exporter> make_tar_exporter(ExportServices services) {
  return std::make_unique<TarExporter>(services);
}

}  // namespace exporter
