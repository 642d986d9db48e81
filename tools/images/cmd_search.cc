#include "tools/images/cmd_search.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/format/table.h"
#include "tools/images/search.h"
#include "util/http.h"
#include "util/text.h"

namespace builder {
namespace {

constexpr const char* kTable = "table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}";
constexpr std::size_t kDescriptionLetters = 45;

struct Options {
  std::vector<std::string> filters;
  std::optional<int> limit;
  std::string format;
  bool no_trunc = false;
};

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  }
  return text;
}

nlohmann::ordered_json row(const SearchResult& result, const Options& options) {
  // In JSON docker says true and false, in a table [OK] and nothing.
  const bool words = options.format == "json" || options.format.find("json .") != std::string::npos;
  const auto shown = [&](bool value) { return words ? (value ? "true" : "false") : (value ? "[OK]" : ""); };
  const std::string description = one_line(result.description);
  return {{"Description", options.no_trunc ? description : format::shorten(description, kDescriptionLetters)},
          {"IsAutomated", shown(result.automated)},
          {"IsOfficial", shown(result.official)},
          {"Name", result.name},
          {"StarCount", std::to_string(result.stars)}};
}

int run(const Options& options, const std::string& argument) {
  static const std::map<std::string, std::string> kHeadings = {{"Name", "NAME"},
                                                               {"Description", "DESCRIPTION"},
                                                               {"StarCount", "STARS"},
                                                               {"IsOfficial", "OFFICIAL"},
                                                               {"IsAutomated", "AUTOMATED"}};
  const SearchQuery query = search_query(argument, options.limit);
  const SearchFilter filter = parse_search_filters(options.filters);
  return run_interruptible("search", [&](std::stop_token stop) {
    util::HttpClient client("builder/" BUILDER_VERSION);
    std::vector<nlohmann::ordered_json> rows;
    for (const SearchResult& result : search(client, query, stop)) {
      if (filter.accepts(result)) rows.push_back(row(result, options));
    }
    std::cout << format::format_rows(options.format, kTable, kHeadings, rows);
    return 0;
  });
}

}  // namespace

Command search_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<Options>();
    add_list(app, "-f,--filter", options->filters, "stars=N, is-official=BOOL", "KEY=VALUE");
    app.add_option("--format", options->format, "table [TEMPLATE], json, or a Go template")->type_name("FORMAT");
    app.add_option("--limit", options->limit, "At most that many results (1 to 100)")->type_name("N");
    app.add_flag("--no-trunc", options->no_trunc, "Show whole descriptions");
    return [options](const Arguments& arguments) { return run(*options, arguments[0]); };
  };
  return {{"search"}, "Search Docker Hub, or another registry", "[OPTIONS] [REGISTRY/]TERM", {1, 1}, define};
}

}  // namespace builder
