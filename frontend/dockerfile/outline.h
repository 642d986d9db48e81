#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "frontend/dockerfile/instruction.h"
#include "frontend/dockerfile/word_expander.h"
#include "llb/source_map.h"

// What a build of a target takes from outside: `--call=outline`.
namespace dockerfile {

struct OutlineArg {
  std::string name;
  std::optional<std::string> value;  ///< as this request sets it
  std::string description;
  llb::SourceRange range;
  std::set<std::string> needs;  ///< arguments that its default mentions
};

/// A secret or an SSH agent.
struct OutlineSecret {
  std::string name;
  bool required = false;
  llb::SourceRange range;
};

struct OutlineCacheMount {
  std::string id;
  llb::SourceRange range;
};

struct Outline {
  std::string name;  ///< of the target; empty when it has none
  std::string description;
  std::vector<OutlineArg> args;  ///< these and the following in the order of the file
  std::vector<OutlineSecret> secrets;
  std::vector<OutlineSecret> ssh;
  std::vector<OutlineCacheMount> caches;
};

/// Notes what the instructions of one stage take, while they are lowered.
class StageOutline {
 public:
  /// An argument is used, be it defined here or before the first FROM.
  void use(const std::string& name);
  /// ARG of this stage with a value of its own.
  void define(OutlineArg arg);
  void secret(const std::string& id, bool required, llb::SourceRange range) { note(secrets_, id, required, range); }
  void ssh(const std::string& id, bool required, llb::SourceRange range) { note(ssh_, id, required, range); }
  void cache(const std::string& id, llb::SourceRange range);

 private:
  friend class OutlineBuilder;
  static void note(std::vector<OutlineSecret>& list, const std::string& id, bool required, llb::SourceRange range);

  std::vector<std::string> used_;
  std::map<std::string, OutlineArg> args_;
  std::vector<OutlineSecret> secrets_, ssh_;
  std::vector<OutlineCacheMount> caches_;
};

/// Puts the outlines of stages together: the target first, then what it needs. What an earlier one says of a name wins.
class OutlineBuilder {
 public:
  /// `globals` has the values of the ARGs before the first FROM; `build_args` are those of the request.
  OutlineBuilder(const Dockerfile& dockerfile, const Environment& globals,
                 const std::map<std::string, std::string>& build_args);
  /// `from`: the stage's FROM; null for an image that only a --from names.
  void add(const StageOutline& stage, const Instruction* from);
  Outline take(std::string name, std::string description);

 private:
  void add_arg(const StageOutline& stage, const std::string& name);

  const Environment& globals_;
  char escape_;
  std::map<std::string, OutlineArg> global_args_;
  std::set<std::string> seen_args_, seen_secrets_, seen_ssh_, seen_caches_;
  Outline outline_;
};

/// Names that a word mentions and that have a value; nothing for a malformed word.
std::set<std::string> names_used(std::string_view word, const Environment& environment, char escape);

}  // namespace dockerfile
