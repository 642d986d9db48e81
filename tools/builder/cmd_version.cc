#include "tools/builder/cmd_version.h"

#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "oci/platform.h"
#include "tools/format/table.h"

namespace builder {
namespace {

/// Client and server are one program here; scripts ask for either.
nlohmann::ordered_json version_data() {
  utsname system = {};
  ::uname(&system);
  const oci::Platform platform = oci::Platform::local();
  const nlohmann::ordered_json program = {{"Version", BUILDER_VERSION},
                                          {"Os", platform.os},
                                          {"Arch", platform.architecture},
                                          {"KernelVersion", std::string(system.release)}};
  return {{"version", BUILDER_VERSION}, {"Client", program}, {"Server", program}};
}

}  // namespace

Command version_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto format = std::make_shared<std::string>();
    app.add_option("-f,--format", *format, "json, or a Go template such as {{.Client.Version}}")->type_name("FORMAT");
    return [format](const Arguments&) {
      if (format->empty()) {
        std::cout << "builder " BUILDER_VERSION "\n";
      } else {
        const nlohmann::ordered_json data = version_data();
        std::cout << format::format_rows(*format, "", {}, {&data, 1});
      }
      return 0;
    };
  };
  return {{"version"}, "Print the version", "[OPTIONS]", {0, 0}, define};
}

}  // namespace builder
