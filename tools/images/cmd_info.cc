#include "tools/images/cmd_info.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cache/cache_dir.h"
#include "executor/user_namespace.h"
#include "tools/format/table.h"
#include "tools/images/info.h"

namespace builder {
namespace {

int run(const std::string& format) {
  const std::filesystem::path root = cache::default_root();
  executor::enter_user_namespace_if_needed();
  cache::CacheDir cache(root);
  const nlohmann::ordered_json info = system_info(cache);
  if (format.empty()) {
    std::cout << describe_info(info);
  } else {
    std::cout << format::format_rows(format, "{{json .}}", {}, {&info, 1});
  }
  return 0;
}

}  // namespace

Command info_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto format = std::make_shared<std::string>();
    app.add_option("-f,--format", *format, "json, or a Go template")->type_name("FORMAT");
    return [format](const Arguments&) { return run(*format); };
  };
  return {
      {"info", "system info"}, "Show the store, and how RUN is isolated on this machine", "[OPTIONS]", {0, 0}, define};
}

}  // namespace builder
