#include "solver/action.h"

#include <algorithm>

#include "solver/explain.h"
#include "util/check.h"
#include "util/error.h"
#include "util/stats.h"

namespace solver {

OpContext Action::context(std::stop_token stop) const {
  return {environment_.progress, vertex_->digest(), std::move(stop), !vertex_->meta().ignore_cache};
}

std::vector<util::Digest> Action::all_keys() const {
  if (content_key_.empty()) return {chain_key_};
  return {chain_key_, content_key_};
}

void Action::prepare(const std::stop_token& stop) {
  if (op_ != nullptr) return;
  std::unique_ptr<Op> op = environment_.factory(vertex_);
  OpContext context = this->context(stop);
  map_ = op->cache_map(context);
  op_ = std::move(op);
}

void Action::read_ahead(std::size_t index, const Result& unseen, const std::stop_token& stop) noexcept {
  try {
    const std::stop_callback forward(stop, [this] { turn_come_.request_stop(); });
    const std::lock_guard lock(mutex_);
    if (turn_come_.stop_requested()) return;
    prepare(stop);
    if (!map_.cacheable || keyed_after_run() || map_.deps.at(index).content_digest == nullptr) return;
    map_.deps[index].content_digest(unseen, turn_come_.get_token());
  } catch (...) {
    // `look_up` meets it too, if it is still so, and tells.
  }
}

std::optional<Action::Outcome> Action::look_up(std::span<const Result> inputs, std::stop_token stop) {
  {
    turn_come_.request_stop();
    const std::lock_guard lock(mutex_);
    prepare(stop);
  }
  CHECK(map_.deps.size() == inputs.size());
  if (!map_.cacheable) {
    OpContext context = this->context(stop);
    Result result = op_->exec(inputs, context);
    return Outcome{std::move(result), context.reused};
  }

  for (std::size_t i = 0; i < inputs.size(); ++i) {
    KeyInput input;
    input.selector = map_.deps[i].selector;
    if (inputs[i].tree == nullptr) input.chain = cache::chain_id(inputs[i]);
    key_inputs_.push_back(std::move(input));
  }
  if (keyed_later(inputs)) return std::nullopt;
  make_chain_key(inputs, stop);
  if (vertex_->meta().ignore_cache) return std::nullopt;

  static util::Counter& hits = util::counter("cache.hits");
  if (std::optional<Result> found = environment_.index.find(chain_key_)) {
    hits.add();
    return Outcome{std::move(*found), true};
  }
  if (!digest_contents(inputs, stop)) return std::nullopt;
  std::optional<Result> found = environment_.index.find(content_key_);
  if (!found) return std::nullopt;
  hits.add();
  environment_.index.save({chain_key_}, *found, summary(inputs, stop));
  return Outcome{std::move(*found), true};
}

bool Action::keyed_later(std::span<const Result> inputs) {
  const bool has_tree = std::ranges::any_of(inputs, [](const Result& input) { return input.tree != nullptr; });
  return has_tree && keyed_after_run();
}

bool Action::keyed_after_run() {
  return map_.reads_once && (vertex_->meta().ignore_cache || !environment_.index.knows(step_));
}

void Action::make_chain_key(std::span<const Result> inputs, std::stop_token stop) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].tree == nullptr) continue;
    CHECK(map_.deps[i].content_digest != nullptr);
    key_inputs_[i].content = map_.deps[i].content_digest(inputs[i], stop);
  }
  chain_key_ = chain_key(map_.op_digest, key_inputs_);
}

bool Action::digest_contents(std::span<const Result> inputs, std::stop_token stop) {
  bool any = false;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].tree != nullptr || map_.deps[i].content_digest == nullptr) continue;
    key_inputs_[i].content = map_.deps[i].content_digest(inputs[i], stop);
    any = true;
  }
  if (any) content_key_ = content_key(map_.op_digest, key_inputs_);
  return any;
}

Action::Outcome Action::execute(std::span<const Result> inputs, std::stop_token stop) {
  if (chain_key_.empty()) return execute_unread(inputs, stop);
  const bool ignore_cache = vertex_->meta().ignore_cache;
  if (ignore_cache) digest_contents(inputs, stop);

  const std::shared_ptr<void> lock = environment_.index.lock_action(last_key(), stop);
  const cache::KeySummary now = summary(inputs, stop);
  if (!ignore_cache) {
    if (std::optional<Result> found = environment_.index.find(last_key())) {
      static util::Counter& hits = util::counter("cache.hits");
      hits.add();
      if (!content_key_.empty()) environment_.index.save({chain_key_}, *found, now);
      return {std::move(*found), true};
    }
  }
  if (environment_.explain) explain(&now);
  Outcome outcome = run(inputs, stop);
  environment_.index.save(all_keys(), outcome.result, now);
  return outcome;
}

Action::Outcome Action::execute_unread(std::span<const Result> inputs, std::stop_token stop) {
  std::shared_ptr<void> lock = environment_.index.lock_action(unread_key(map_.op_digest, key_inputs_), stop);
  if (!keyed_later(inputs)) {
    // Somebody else has built it meanwhile, perhaps from other files.
    lock.reset();
    make_chain_key(inputs, stop);
    digest_contents(inputs, stop);
    return execute(inputs, stop);
  }
  if (environment_.explain) explain(nullptr);
  Outcome outcome = run(inputs, stop);
  make_chain_key(inputs, stop);
  digest_contents(inputs, stop);
  environment_.index.save(all_keys(), outcome.result, summary(inputs, stop));
  return outcome;
}

Action::Outcome Action::run(std::span<const Result> inputs, std::stop_token stop) {
  static util::Counter& misses = util::counter("cache.misses");
  misses.add();
  if (stop.stop_requested()) throw util::Cancelled();
  OpContext context = this->context(stop);
  return {op_->exec(inputs, context), false};
}

cache::KeySummary Action::summary(std::span<const Result> inputs, std::stop_token stop) const {
  cache::KeySummary summary = map_.summary;
  summary.name = step_;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const KeyInput& input = key_inputs_[i];
    const std::string label =
        i == 0 && map_.deps[i].content_digest == nullptr ? "parent" : "input " + std::to_string(i);
    summary.parts.emplace_back(label, (input.content.empty() ? input.chain : input.content).to_string());
    if (map_.deps[i].describe == nullptr) continue;
    for (auto& part : map_.deps[i].describe(inputs[i], stop)) summary.parts.push_back(std::move(part));
  }
  return summary;
}

void Action::explain(const cache::KeySummary* now) {
  std::vector<std::string> reasons;
  if (vertex_->meta().ignore_cache) {
    reasons.push_back("the cache is not used for this step");
  } else {
    reasons = now == nullptr ? explain_miss(std::nullopt, {}) : explain_miss(environment_.index.latest(step_), *now);
  }
  for (const std::string& reason : reasons) {
    environment_.progress.emit(util::TaskLog{vertex_->digest(), 2, "cache miss: " + reason + "\n", util::now()});
  }
}

}  // namespace solver
