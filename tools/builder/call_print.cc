#include "tools/builder/call_print.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "util/text.h"

namespace builder {
namespace {

using Json = nlohmann::ordered_json;
using Row = std::vector<std::string>;

/// Columns as wide as their longest cell and `gap` blanks; the last one has no padding.
std::string table(const std::vector<Row>& rows, std::size_t gap) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text += std::string(widths[i] - row[i].size() + gap, ' ');
    }
    text += '\n';
  }
  return text;
}

/// Invalid UTF-8 is replaced.
std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json location(const std::vector<llb::SourceRange>& ranges) {
  Json json = Json::object();
  for (const llb::SourceRange& range : ranges) {
    if (range) json["ranges"].push_back({{"start", {{"line", range.first}}}, {"end", {{"line", range.last}}}});
  }
  return json;
}

Json sources(const llb::SourceText& source) {
  return Json::array({util::base64_encode(source.text)});
}

Json secret_json(const dockerfile::OutlineSecret& secret) {
  Json json{{"name", secret.name}};
  if (secret.required) json["required"] = true;
  json["location"] = location({secret.range});
  return json;
}

std::string secret_table(const char* title, const std::vector<dockerfile::OutlineSecret>& secrets) {
  if (secrets.empty()) return {};
  std::vector<Row> rows{{title, "REQUIRED"}};
  for (const auto& secret : secrets) rows.push_back({secret.name, secret.required ? "true" : ""});
  return table(rows, 3) + "\n";
}

struct Method {
  const char* name;
  const char* description;
};
constexpr std::array kMethods = {
    Method{"build", "Build the target, as without --call"},
    Method{"check", "Check the Dockerfile for problems without building anything"},
    Method{"outline", "List what the target takes: arguments, secrets, SSH agents, cache mounts"},
    Method{"targets", "List the stages"},
    Method{"subrequests.describe", "List these methods"},
};

}  // namespace

std::string check_text(const CheckResult& result, const llb::SourceText& source) {
  const std::size_t count = result.warnings.size();
  std::string text = count == 0   ? "Check complete, no warnings found.\n"
                     : count == 1 ? "Check complete, 1 warning has been found!\n"
                                  : fmt::format("Check complete, {} warnings have been found!\n", count);
  for (const dockerfile::Warning& warning : result.warnings) {
    text += fmt::format("\nWARNING: {}{}{}\n{}\n", warning.rule, warning.url.empty() ? "" : " - ", warning.url,
                        warning.message);
    if (!warning.range) continue;
    text += llb::excerpt(source, {warning.range});
    if (text.back() != '\n') text += '\n';
  }
  return text;
}

std::string check_json(const CheckResult& result, const llb::SourceText& source) {
  Json json;
  json["warnings"] = Json::array();
  for (const dockerfile::Warning& warning : result.warnings) {
    Json one{{"ruleName", warning.rule}, {"description", warning.description}};
    if (!warning.url.empty()) one["url"] = warning.url;
    one["detail"] = warning.message;
    one["location"] = location({warning.range});
    json["warnings"].push_back(std::move(one));
  }
  json["sources"] = Json::array(
      {{{"filename", source.name}, {"data", util::base64_encode(source.text)}, {"language", "Dockerfile"}}});
  if (result.failure) {
    json["buildError"] = {{"message", result.failure->message}, {"location", location(result.failure->ranges)}};
  }
  return dump(json);
}

std::string outline_text(const dockerfile::Outline& outline) {
  std::vector<Row> head;
  if (!outline.name.empty()) head.push_back({"TARGET:", outline.name});
  if (!outline.description.empty()) head.push_back({"DESCRIPTION:", outline.description});
  std::string text = head.empty() ? "" : table(head, 1) + "\n";
  if (!outline.args.empty()) {
    std::vector<Row> rows{{"BUILD ARG", "VALUE", "DESCRIPTION"}};
    for (const auto& arg : outline.args) rows.push_back({arg.name, arg.value.value_or(""), arg.description});
    text += table(rows, 3) + "\n";
  }
  text += secret_table("SECRET", outline.secrets) + secret_table("SSH", outline.ssh);
  if (!outline.caches.empty()) {
    text += "CACHE MOUNT\n";
    for (const auto& cache : outline.caches) text += cache.id + "\n";
    text += '\n';
  }
  return text;
}

std::string outline_json(const dockerfile::Outline& outline, const llb::SourceText& source) {
  Json json = Json::object();
  if (!outline.name.empty()) json["name"] = outline.name;
  if (!outline.description.empty()) json["description"] = outline.description;
  for (const auto& arg : outline.args) {
    Json one{{"name", arg.name}};
    if (!arg.description.empty()) one["description"] = arg.description;
    if (arg.value && !arg.value->empty()) one["value"] = *arg.value;
    one["location"] = location({arg.range});
    json["args"].push_back(std::move(one));
  }
  for (const auto& secret : outline.secrets) json["secrets"].push_back(secret_json(secret));
  for (const auto& ssh : outline.ssh) json["ssh"].push_back(secret_json(ssh));
  for (const auto& cache : outline.caches) {
    json["cache"].push_back({{"ID", cache.id}, {"location", location({cache.range})}});
  }
  json["sources"] = sources(source);
  return dump(json);
}

std::string targets_text(const std::vector<dockerfile::TargetInfo>& targets) {
  std::vector<Row> rows{{"TARGET", "DESCRIPTION"}};
  for (const auto& target : targets) {
    std::string name = target.name;
    if (target.is_default) name += name.empty() ? "(default)" : " (default)";
    rows.push_back({name, target.description});
  }
  return table(rows, 1);
}

std::string targets_json(const std::vector<dockerfile::TargetInfo>& targets, const llb::SourceText& source) {
  Json json{{"targets", Json::array()}};
  for (const auto& target : targets) {
    Json one = Json::object();
    if (!target.name.empty()) one["name"] = target.name;
    if (target.is_default) one["default"] = true;
    if (!target.description.empty()) one["description"] = target.description;
    one["base"] = target.base;
    if (!target.platform.empty()) one["platform"] = target.platform;
    one["location"] = location({target.range});
    json["targets"].push_back(std::move(one));
  }
  json["sources"] = sources(source);
  return dump(json);
}

std::string methods_text() {
  std::vector<Row> rows{{"NAME", "DESCRIPTION"}};
  for (const Method& method : kMethods) rows.push_back({method.name, method.description});
  return table(rows, 1);
}

std::string methods_json() {
  Json json = Json::array();
  for (const Method& method : kMethods) json.push_back({{"name", method.name}, {"description", method.description}});
  return dump(json);
}

}  // namespace builder
