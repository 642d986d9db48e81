#include "tools/images/cmd_login.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "tools/images/login.h"

namespace builder {
namespace {

/// Docker Hub when no registry is named.
std::string server_of(const Arguments& arguments) { return arguments.empty() ? std::string() : arguments.front(); }

}  // namespace

Command login_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<LoginOptions>();
    app.add_option("-u,--username", options->user, "User name")->type_name("NAME");
    app.add_option("-p,--password", options->password, "Password; visible to everybody on this machine: rather use --password-stdin")
        ->type_name("PASSWORD");
    app.add_flag("--password-stdin", options->password_from_input, "Read the password from standard input");
    return [options](const Arguments& arguments) {
      return run_interruptible("login", [&](std::stop_token stop) {
        login(server_of(arguments), *options, stop);
        return 0;
      });
    };
  };
  return {{"login"}, "Log in to a registry", "[OPTIONS] [REGISTRY]", {0, 1}, define};
}

Command logout_command() {
  const auto define = [](CLI::App&) -> Action {
    return [](const Arguments& arguments) {
      logout(server_of(arguments));
      return 0;
    };
  };
  return {{"logout"}, "Forget the credential of a registry", "[REGISTRY]", {0, 1}, define};
}

}  // namespace builder
