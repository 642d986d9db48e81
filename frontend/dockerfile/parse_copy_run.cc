#include <algorithm>
#include <map>
#include <optional>

#include "frontend/dockerfile/flags.h"
#include "frontend/dockerfile/heredoc.h"
#include "frontend/dockerfile/mount_flag.h"
#include "frontend/dockerfile/parse_instruction.h"
#include "util/error.h"
#include "util/text.h"

// RUN, COPY and ADD: the instructions with here-documents and most of the flags.
namespace dockerfile {

namespace {

/// The here-documents of a line by name; of equal names the last.
std::map<std::string_view, const Heredoc*> by_name(const std::vector<Heredoc>& heredocs) {
  std::map<std::string_view, const Heredoc*> table;
  for (const Heredoc& heredoc : heredocs) table[heredoc.name] = &heredoc;
  return table;
}

void require_destination(const SyntaxNode& node, std::string_view name) {
  if (node.args.size() >= 2) return;
  throw util::Error(std::string(name) +
                    " requires at least two arguments, but only one was provided. Destination could not be determined");
}

void split_sources(const SyntaxNode& node, std::string_view name, CopyInstruction& copy) {
  std::vector<std::string> words = node.heredocs.empty() ? node.args : join_heredoc_words(node.args);
  if (!node.json && try_parse_heredoc(words.back())) {
    throw util::Error(std::string(name) + " cannot accept a heredoc as a destination");
  }
  copy.destination = words.back();
  words.pop_back();
  const std::map<std::string_view, const Heredoc*> heredocs = by_name(node.heredocs);
  for (std::string& word : words) {
    std::optional<Heredoc> wanted;
    if (!heredocs.empty()) wanted = try_parse_heredoc(word);
    auto found = wanted ? heredocs.find(wanted->name) : heredocs.end();
    if (found == heredocs.end()) {
      copy.sources.push_back(std::move(word));
      continue;
    }
    copy.heredocs.push_back(*found->second);
    if (found->second->chomp) copy.heredocs.back().content = strip_leading_tabs(found->second->content);
  }
}

const std::string& checked(std::string_view flag, const std::string& value,
                           std::initializer_list<std::string_view> allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return value;
  std::vector<std::string> names(allowed.begin(), allowed.end());
  throw util::Error("invalid value " + util::quote(value) + " for --" + std::string(flag) + ": must be one of " +
                    util::join(names, ", "));
}

}  // namespace

InstructionValue parse_copy(const SyntaxNode& node) {
  require_destination(node, "COPY");
  CopyInstruction copy;
  FlagSet()
      .text("from", copy.from)
      .text("chown", copy.chown)
      .text("chmod", copy.chmod)
      .boolean("link", copy.link)
      .boolean("parents", copy.parents)
      .list("exclude", copy.exclude)
      .parse(node.flags);
  std::size_t dollar = copy.from.find('$');
  if (dollar != std::string::npos && dollar + 1 < copy.from.size()) {
    throw util::Error(
        "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a "
        "workaround");
  }
  split_sources(node, "COPY", copy);
  return copy;
}

InstructionValue parse_add(const SyntaxNode& node) {
  require_destination(node, "ADD");
  CopyInstruction add;
  add.is_add = true;
  FlagSet()
      .text("chown", add.chown)
      .text("chmod", add.chmod)
      .boolean("link", add.link)
      .list("exclude", add.exclude)
      .text("checksum", add.checksum)
      .boolean("keep-git-dir", add.keep_git_dir)
      .boolean("unpack", add.unpack)
      .parse(node.flags);
  split_sources(node, "ADD", add);
  return add;
}

InstructionValue parse_run(const SyntaxNode& node) {
  RunInstruction run;
  std::optional<std::string> network;
  std::optional<std::string> security;
  FlagSet()
      .list("mount", run.mounts)
      .text("network", network)
      .text("security", security)
      .list("device", run.devices)
      .parse(node.flags);
  for (const std::string& mount : run.mounts) check_mount_flag(mount);
  for (const std::string& device : run.devices) parse_device_flag(device);
  if (network) run.network = checked("network", *network, {"default", "none", "host"});
  if (security) run.security = checked("security", *security, {"sandbox", "insecure"});
  run.command = parse_command(node);
  return run;
}

}  // namespace dockerfile
