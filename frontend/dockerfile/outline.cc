#include "frontend/dockerfile/outline.h"

#include <algorithm>

#include "util/error.h"

namespace dockerfile {
namespace {

/// Takes over what was not said yet under the same name.
void merge(std::vector<OutlineSecret>& into, std::set<std::string>& seen, const std::vector<OutlineSecret>& from) {
  for (const OutlineSecret& one : from) {
    if (seen.insert(one.name).second) into.push_back(one);
  }
}

template <typename T>
void sort_by_line(std::vector<T>& list) {
  std::stable_sort(list.begin(), list.end(), [](const T& a, const T& b) { return a.range.first < b.range.first; });
}

}  // namespace

std::set<std::string> names_used(std::string_view word, const Environment& environment, char escape) {
  try {
    return expand(word, environment, {.escape = escape}).used;
  } catch (const util::Error&) {
    return {};  // whoever needs the word reports it
  }
}

void StageOutline::use(const std::string& name) {
  used_.push_back(name);
}

void StageOutline::define(OutlineArg arg) {
  used_.push_back(arg.name);
  args_.insert_or_assign(arg.name, arg);
}

void StageOutline::cache(const std::string& id, llb::SourceRange range) {
  caches_.push_back({id, range});
}

void StageOutline::note(std::vector<OutlineSecret>& list, const std::string& id, bool required,
                        llb::SourceRange range) {
  const auto known = std::find_if(list.begin(), list.end(), [&](const OutlineSecret& one) { return one.name == id; });
  if (known == list.end()) {
    list.push_back({id, required, range});
  } else if (required) {
    *known = {id, true, range};
  }
}

OutlineBuilder::OutlineBuilder(const Dockerfile& dockerfile, const Environment& globals,
                               const std::map<std::string, std::string>& build_args)
    : globals_(globals), escape_(dockerfile.escape) {
  for (const Instruction& instruction : dockerfile.global_args) {
    for (const ArgInstruction::Item& item : std::get<ArgInstruction>(instruction.value).items) {
      OutlineArg arg{item.name, globals.find(item.name), item.comment, instruction.range, {}};
      if (item.default_value && !build_args.contains(item.name)) {
        arg.needs = names_used(*item.default_value, globals, escape_);
      }
      global_args_.insert_or_assign(item.name, std::move(arg));
    }
  }
}

void OutlineBuilder::add_arg(const StageOutline& stage, const std::string& name) {
  std::vector<std::string> pending{name};
  while (!pending.empty()) {
    const std::string next = std::move(pending.back());
    pending.pop_back();
    const auto own = stage.args_.find(next);
    const auto global = global_args_.find(next);
    if (own == stage.args_.end() && global == global_args_.end()) continue;
    if (!seen_args_.insert(next).second) continue;
    const OutlineArg& arg = own != stage.args_.end() ? own->second : global->second;
    pending.insert(pending.end(), arg.needs.begin(), arg.needs.end());
    outline_.args.push_back(arg);
  }
}

void OutlineBuilder::add(const StageOutline& stage, const Instruction* from) {
  if (from != nullptr) {
    const auto& value = std::get<FromInstruction>(from->value);
    const StageOutline globals_only;  // FROM does not see what its stage declares
    for (const std::string& word : {value.base, value.platform}) {
      for (const std::string& name : names_used(word, globals_, escape_)) add_arg(globals_only, name);
    }
  }
  for (const std::string& name : stage.used_) add_arg(stage, name);
  merge(outline_.secrets, seen_secrets_, stage.secrets_);
  merge(outline_.ssh, seen_ssh_, stage.ssh_);
  for (const OutlineCacheMount& cache : stage.caches_) {
    if (seen_caches_.insert(cache.id).second) outline_.caches.push_back(cache);
  }
}

Outline OutlineBuilder::take(std::string name, std::string description) {
  outline_.name = std::move(name);
  outline_.description = std::move(description);
  sort_by_line(outline_.args);
  sort_by_line(outline_.secrets);
  sort_by_line(outline_.ssh);
  sort_by_line(outline_.caches);
  return std::move(outline_);
}

}  // namespace dockerfile
