#include "oci/reference.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "util/error.h"
#include "util/text.h"

namespace oci {
namespace {

constexpr std::string_view kDefaultDomain = "docker.io";
constexpr std::string_view kOfficial = "library/";
constexpr size_t kMaxName = 255;

const re2::RE2& domain_pattern() {
  static const re2::RE2 pattern(
      R"((?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?)");
  return pattern;
}

const re2::RE2& repository_pattern() {
  static const re2::RE2 pattern(R"([a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)");
  return pattern;
}

const re2::RE2& tag_pattern() {
  static const re2::RE2 pattern(R"([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})");
  return pattern;
}

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

[[noreturn]] void refuse(std::string_view text, std::string_view why, std::string hint = {}) {
  throw util::Error(fmt::format("parse image name `{}`: invalid reference format: {}", text, why), std::move(hint));
}

bool is_hex64(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// The first component is a host only if it cannot be a repository name: it has a dot or a port, is "localhost", or
/// has upper case.
std::pair<std::string, std::string> split_domain(const std::string& name) {
  size_t slash = name.find('/');
  std::string first = name.substr(0, slash);
  bool host = slash != std::string::npos && (first.find_first_of(".:") != std::string::npos || first == "localhost" ||
                                             util::to_lower(first) != first);
  std::string domain = host ? first : std::string(kDefaultDomain);
  std::string rest = host ? name.substr(slash + 1) : name;
  if (domain == "index.docker.io") domain = kDefaultDomain;
  if (domain == kDefaultDomain && rest.find('/') == std::string::npos) rest.insert(0, kOfficial);
  return {std::move(domain), std::move(rest)};
}

util::Digest parse_digest(std::string_view text, std::string_view digest) {
  if (auto parsed = util::Digest::find(digest)) return *parsed;
  refuse(text, fmt::format("`{}` is not a digest", digest), "a digest is written sha256: and 64 lower-case hex digits");
}

void check_repository(std::string_view text, const std::string& repository) {
  if (repository.empty() || repository == kOfficial) refuse(text, "repository name is empty");
  if (util::to_lower(repository) != repository) {
    refuse(text, fmt::format("repository name must be lowercase (`{}`)", repository),
           "only a tag or a registry host may have capital letters");
  }
  if (repository.size() > kMaxName) refuse(text, "repository name must not be more than 255 characters");
  if (!re2::RE2::FullMatch(piece(repository), repository_pattern())) {
    refuse(text, fmt::format("repository name `{}` may have only letters, digits and single separators (. _ __ -) "
                             "between them",
                             repository));
  }
}

}  // namespace

Reference Reference::parse(std::string_view text) {
  if (text.empty()) refuse(text, "the name is empty");
  if (is_hex64(text)) refuse(text, "a name cannot be 64 hexadecimal digits");
  std::string name(text);
  Reference result;
  if (size_t at = name.find('@'); at != std::string::npos) {
    result.digest = parse_digest(text, std::string_view(name).substr(at + 1));
    name.resize(at);
  }
  std::tie(result.domain, result.repository) = split_domain(name);
  if (size_t colon = result.repository.find(':'); colon != std::string::npos) {
    result.tag = result.repository.substr(colon + 1);
    result.repository.resize(colon);
    if (result.tag.empty()) refuse(text, "the tag is empty");
    if (!re2::RE2::FullMatch(piece(result.tag), tag_pattern())) {
      refuse(text, fmt::format("invalid tag `{}`", result.tag),
             "a tag has up to 128 letters, digits, '_', '.' and '-', and begins with none of the last two");
    }
  }
  if (!re2::RE2::FullMatch(piece(result.domain), domain_pattern())) {
    refuse(text, fmt::format("invalid registry host `{}`", result.domain));
  }
  check_repository(text, result.repository);
  if (result.tag.empty() && result.digest.empty()) result.tag = "latest";
  return result;
}

std::string Reference::to_string() const {
  std::string text = name();
  if (!tag.empty()) text += ":" + tag;
  if (digest) text += "@" + digest.to_string();
  return text;
}

std::string Reference::familiar() const {
  std::string text = name();
  if (domain == kDefaultDomain) {
    std::string shorter = repository.starts_with(kOfficial) ? repository.substr(kOfficial.size()) : repository;
    // Without its prefix "library/a/b" would read as docker.io/a/b, and "a.b/c" alone as a repository of the host a.b.
    for (const std::string& candidate : {shorter, repository}) {
      if (split_domain(candidate) != std::pair(domain, repository)) continue;
      text = candidate;
      break;
    }
  }
  if (!tag.empty()) text += ":" + tag;
  if (digest) text += "@" + digest.to_string();
  return text;
}

}  // namespace oci
