#include "tools/builder/cmd_version.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

namespace builder {

Command version_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto format = std::make_shared<std::string>();
    app.add_option("--format", *format, "json")->type_name("FORMAT");
    return [format](const Arguments&) {
      if (*format == "json") {
        std::cout << "{\"version\":\"" BUILDER_VERSION "\"}\n";
      } else {
        std::cout << "builder " BUILDER_VERSION "\n";
      }
      return 0;
    };
  };
  return {{"version"}, "Print the version", "[OPTIONS]", {0, 0}, define};
}

}  // namespace builder
