#include "tools/images/cmd_rmi.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <set>

#include "cache/cache_dir.h"
#include "executor/user_namespace.h"
#include "tools/builder/render_error.h"
#include "tools/images/deleting.h"
#include "tools/images/remove_images.h"

namespace builder {
namespace {

/// Arguments may name an image that an earlier one removed: $(builder images -q) has an id for each name.
class Done {
 public:
  bool has(const std::string& argument) const {
    const std::string hex = argument.starts_with("sha256:") ? argument.substr(7) : argument;
    const auto begins = [&](const util::Digest& id) { return id.hex().starts_with(hex); };
    return arguments_.contains(argument) || std::ranges::any_of(ids_, begins);
  }
  void add(const std::string& argument, const RemovedImage& removed) {
    arguments_.insert(argument);
    if (!removed.deleted.empty()) ids_.insert(removed.deleted.front());
  }

 private:
  std::set<std::string> arguments_;
  std::set<util::Digest> ids_;
};

void remove_one(cache::CacheDir& cache, const std::string& argument, bool force, Done& done) {
  for (const RemovedImage& removed : remove_by_argument(cache, argument, force)) {
    done.add(argument, removed);
    for (const std::string& name : removed.untagged) std::cout << "Untagged: " << name << '\n';
    for (const util::Digest& digest : removed.deleted) std::cout << "Deleted: " << digest.to_string() << '\n';
    std::cout.flush();
  }
}

int remove_all(const Arguments& arguments, bool force) {
  const std::filesystem::path root = cache::default_root();
  executor::enter_user_namespace_if_needed();
  cache::CacheDir cache(root, cache::CacheUse::on_full_disk);
  Done done;
  int status = 0;
  for (const std::string& argument : arguments) {
    bool missing = false;
    const bool removed = attempt([&] {
      try {
        deleting([&] { remove_one(cache, argument, force, done); });
      } catch (const ImageNotFound&) {
        missing = true;
        if (!done.has(argument)) throw;
      }
    });
    if (!removed && !(missing && force)) status = 1;
  }
  return status;
}

}  // namespace

Command rmi_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto force = std::make_shared<bool>(false);
    app.add_flag("-f,--force", *force, "Also an id with names in several repositories; what is not there is no failure");
    app.add_flag("--no-prune")->group("");
    return [force](const Arguments& arguments) { return deleting([&] { return remove_all(arguments, *force); }); };
  };
  return {{"rmi", "image rm", "image remove"}, "Remove names of images, and images without names", "[OPTIONS] IMAGE [IMAGE...]", {1}, define};
}

}  // namespace builder
