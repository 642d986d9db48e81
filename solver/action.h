#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/result_index.h"
#include "solver/key_chain.h"
#include "solver/op.h"

namespace solver {

/// What all actions of a solve share; references are borrowed.
struct ActionEnvironment {
  const OpFactory& factory;
  cache::ResultIndex& index;
  util::ProgressSink& progress;
  bool explain = false;
};

/// The blocking half of one vertex: makes its keys, looks them up, runs the op. Called on worker threads, `look_up` and
/// `execute` by one at a time.
class Action {
 public:
  struct Outcome {
    Result result;
    bool cached = false;
  };

  /// `step` names the vertex in key summaries, such that the same step of another build has the same name.
  Action(const ActionEnvironment& environment, llb::VertexRef vertex, std::string step)
      : environment_(environment), vertex_(std::move(vertex)), step_(std::move(step)) {}

  /// While the vertex waits for other inputs: takes the digests that its key needs of input `index`, a context, so that
  /// `look_up` finds them remembered. That is all that comes of it: `unseen` is a tree of its own (Tree::unseen), and what is
  /// built is what `look_up` sees. Never throws. Ends soon on `stop`, and when `look_up` is called, which waits for that.
  void read_ahead(std::size_t index, const Result& unseen, const std::stop_token& stop) noexcept;
  /// Looks the chain key up, then the content key. nullopt: `execute` must follow. An op that is not cacheable is run
  /// here, for such ops are roots which others wait for.
  std::optional<Outcome> look_up(std::span<const Result> inputs, std::stop_token stop);
  /// Runs the op under the lock of its key, unless somebody else has done so meanwhile, and saves the result.
  Outcome execute(std::span<const Result> inputs, std::stop_token stop);

 private:
  OpContext context(std::stop_token stop) const;
  /// Makes the op and its cache map, once.
  void prepare(const std::stop_token& stop);
  /// Whether running it now costs no more than looking it up, since it was never built and has contexts to be read.
  bool keyed_later(std::span<const Result> inputs);
  bool keyed_after_run();
  /// Reads what the keys need of inputs without chain id, and makes the chain key.
  void make_chain_key(std::span<const Result> inputs, std::stop_token stop);
  /// `execute` for a step that is not keyed yet.
  Outcome execute_unread(std::span<const Result> inputs, std::stop_token stop);
  Outcome run(std::span<const Result> inputs, std::stop_token stop);
  /// Content digests of the inputs whose chain id counts in the chain key. True if there is any.
  bool digest_contents(std::span<const Result> inputs, std::stop_token stop);
  cache::KeySummary summary(std::span<const Result> inputs, std::stop_token stop) const;
  /// `now` is null for a step that was never built.
  void explain(const cache::KeySummary* now);
  util::Digest last_key() const { return content_key_.empty() ? chain_key_ : content_key_; }
  std::vector<util::Digest> all_keys() const;

  ActionEnvironment environment_;
  llb::VertexRef vertex_;
  std::string step_;
  std::stop_source turn_come_;  ///< stopped by `look_up`
  // A bare mutex: it is held while contexts are read ahead. Guards these two until `look_up` has begun.
  std::mutex mutex_;
  std::unique_ptr<Op> op_;
  CacheMap map_;
  std::vector<KeyInput> key_inputs_;
  // chain_key_ is empty while it is not made, content_key_ where it would say the same as chain_key_.
  util::Digest chain_key_, content_key_;
};

}  // namespace solver
