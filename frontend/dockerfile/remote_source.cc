#include "frontend/dockerfile/remote_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "frontend/dockerfile/container_path.h"
#include "frontend/dockerfile/suggestion.h"
#include "util/error.h"
#include "util/text.h"

namespace dockerfile {
namespace {

bool has_scheme(std::string_view text, std::string_view scheme) {
  return text.size() > scheme.size() + 3 && util::equal_ignoring_case(text.substr(0, scheme.size()), scheme) &&
         text.substr(scheme.size(), 3) == "://";
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Percent-decoding; malformed escapes stay as they are.
std::string decode(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      result += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

/// `text` up to `separator`; what follows it stays in `text`'s place.
struct Cut {
  std::string_view before;
  std::optional<std::string_view> after;
};

Cut cut(std::string_view text, char separator) {
  const auto at = text.find(separator);
  if (at == std::string_view::npos) return {text, std::nullopt};
  return {text.substr(0, at), text.substr(at + 1)};
}

/// `user@host:path`, as ssh clients take it.
bool is_scp_form(std::string_view text) {
  const auto at = text.find('@');
  const auto colon = text.find(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || at == 0 || colon <= at + 1) return false;
  if (colon + 1 == text.size() || text.substr(colon).starts_with("://")) return false;
  const std::string_view host = text.substr(0, colon);
  return std::all_of(host.begin(), host.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '@' || c == '.' || c == '-' || c == '_';
  });
}

bool is_git(std::string_view address, bool context, std::string& remote) {
  remote = address;
  if (has_scheme(address, "git") || has_scheme(address, "ssh") || is_scp_form(address)) return true;
  if (has_scheme(address, "http") || has_scheme(address, "https")) return address.ends_with(".git");
  if (context && address.starts_with("github.com/")) {
    remote = "https://" + remote;
    return true;
  }
  return false;
}

bool bool_value(std::string_view key, const std::optional<std::string>& value) {
  if (!value || value->empty()) return true;
  const std::string text = util::to_lower(*value);
  if (text == "1" || text == "t" || text == "true") return true;
  if (text == "0" || text == "f" || text == "false") return false;
  throw util::Error(fmt::format("git query `{}={}`: not a boolean", key, *value), "use true or false");
}

void set_once(std::string& member, std::string value, const char* what) {
  if (!member.empty() && member != value) {
    throw util::Error(fmt::format("git URL gives two different values for {}: `{}` and `{}`", what, member, value));
  }
  member = std::move(value);
}

void apply_query_item(GitUrl& url, const std::string& key, const std::optional<std::string>& value) {
  if (key == "ref") return set_once(url.ref, value.value_or(""), "the ref");
  if (key == "tag") return set_once(url.ref, "refs/tags/" + value.value_or(""), "the ref");
  if (key == "branch") return set_once(url.ref, "refs/heads/" + value.value_or(""), "the ref");
  if (key == "subdir") return set_once(url.subdir, value.value_or(""), "the directory");
  if (key == "checksum" || key == "commit") return set_once(url.checksum, value.value_or(""), "the commit");
  if (key == "keep-git-dir") {
    url.keep_git_dir = bool_value(key, value);
  } else if (key == "submodules") {
    url.submodules = bool_value(key, value);
  } else if (key == "mtime") {
    if (value != "checkout" && value != "commit") {
      throw util::Error(fmt::format("git query `mtime={}`: unknown time", value.value_or("")),
                        "use checkout or commit");
    }
    url.commit_time = value == "commit";
  } else if (key == "fetch-by-commit") {
    // How to fetch is the source's choice; a commit is always fetched by its name when the server allows it.
    bool_value(key, value);
  } else {
    const std::string known[] = {"ref",    "tag",          "branch",     "subdir", "checksum",
                                 "commit", "keep-git-dir", "submodules", "mtime",  "fetch-by-commit"};
    throw util::Error(fmt::format("git query `{}`: unknown key{}", key, suggestion_text(key, known)));
  }
}

void apply_query(GitUrl& url, std::string_view query) {
  std::set<std::string> seen;
  for (const std::string& item : util::split(query, '&')) {
    if (item.empty()) continue;
    const Cut parts = cut(item, '=');
    const std::string key = decode(parts.before);
    if (!seen.insert(key).second) throw util::Error(fmt::format("git query `{}`: given twice", key));
    apply_query_item(url, key, parts.after ? std::optional<std::string>(decode(*parts.after)) : std::nullopt);
  }
}

void check_commit(std::string_view commit) {
  if (commit.empty()) return;
  const bool hex = std::all_of(commit.begin(), commit.end(), [](char c) { return hex_value(c) >= 0; });
  if (!hex || commit.size() < 7 || commit.size() > 64) {
    throw util::Error(fmt::format("git checksum `{}`: not a commit", commit),
                      "give at least 7 hex digits of the commit");
  }
}

}  // namespace

std::optional<GitUrl> parse_git_url(std::string_view text, bool context) {
  if (text.starts_with("./") || text.starts_with("../") || text.starts_with('/')) return std::nullopt;
  const Cut fragment = cut(text, '#');
  const Cut query = cut(fragment.before, '?');
  GitUrl url;
  if (!is_git(query.before, context, url.remote)) return std::nullopt;
  if (fragment.after) {
    const Cut parts = cut(*fragment.after, ':');
    url.ref = parts.before;
    url.subdir = parts.after.value_or("");
  }
  if (query.after) apply_query(url, *query.after);
  check_commit(url.checksum);
  if (!url.subdir.empty()) {
    url.subdir = join_path("/", url.subdir).substr(1);
  }
  return url;
}

llb::GitSource git_source(const GitUrl& url) {
  llb::GitSource source;
  source.remote = url.remote;
  source.ref = url.ref;
  source.subdir = url.subdir;
  source.checksum = util::to_lower(url.checksum);
  source.keep_git_dir = url.keep_git_dir.value_or(false);
  source.skip_submodules = !url.submodules.value_or(true);
  source.commit_time = url.commit_time;
  return source;
}

bool is_http_url(std::string_view text) {
  return has_scheme(text, "http") || has_scheme(text, "https");
}

std::string http_file_name(std::string_view url) {
  std::string_view rest = cut(cut(url, '#').before, '?').before;
  rest.remove_prefix(rest.find("://") + 3);
  const auto slash = rest.find('/');
  const std::string name = slash == std::string_view::npos ? std::string() : base_name(decode(rest.substr(slash)));
  return name.empty() || name.find('\0') != std::string::npos ? "__unnamed__" : name;
}

std::string url_without_credentials(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const auto host = scheme + 3;
  const auto end = std::min(url.find_first_of("/?#", host), url.size());
  const auto at = url.substr(0, end).rfind('@');
  if (at == std::string_view::npos || at < host) return std::string(url);
  return std::string(url.substr(0, host)) + std::string(url.substr(at + 1));
}

}  // namespace dockerfile
