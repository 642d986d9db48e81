#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <span>
#include <stop_token>
#include <vector>

#include "cache/damage.h"
#include "solver/action.h"
#include "solver/solver.h"
#include "solver/vertex_state.h"
#include "util/worker_pool.h"

namespace solver {

/// One solve: an event loop. The thread that calls `run` owns the state of every vertex and never blocks on I/O; what
/// blocks is posted to pools of workers, one for looking up and one for running, and comes back as a completion
/// over a queue. Of the vertices that could go on, the one with the longest path to a root goes first.
class Scheduler {
 public:
  /// `finished`: results known from earlier solves; the new ones are added.
  Scheduler(const ActionEnvironment& environment, const SolveOptions& options,
            std::map<util::Digest, Result>& finished);
  ~Scheduler();
  std::vector<Result> run(std::span<const llb::VertexRef> roots, std::stop_token stop);

 private:
  struct Node;
  /// A pool with a bounded number of vertices in it and the queue of those that wait for a place.
  struct Lane {
    explicit Lane(unsigned limit_) : limit(limit_) {}
    struct Later {
      bool operator()(const Node* a, const Node* b) const;
    };
    unsigned limit;
    unsigned busy = 0;
    std::priority_queue<Node*, std::vector<Node*>, Later> ready;
  };
  struct Completion {
    Node* node = nullptr;
    Event event = Event::failed;
    Action::Outcome outcome;
    std::exception_ptr error;
  };

  void make_nodes(std::span<const llb::VertexRef> roots);
  void name_steps();
  void rank_nodes();
  Action& action_of(Node& node);
  void read_ahead(const Node& node);
  void obey(Node& node, Request request);
  void start_ready();
  void start(Lane& lane, util::WorkerPool& pool, Node& node);
  Completion work(Node& node);
  void post(Completion completion);
  Completion wait_for_completion();
  void handle(Completion completion);
  void finish(Node& node);
  void fail(Node& node, const std::exception_ptr& error);
  void report_started(const Node& node);
  void report_done(Node& node, bool cached, bool canceled, std::optional<std::string> error);
  void cancel_started();

  ActionEnvironment environment_;
  std::map<util::Digest, Result>& finished_;
  std::vector<std::unique_ptr<Node>> nodes_;  // inputs before users
  std::map<util::Digest, Node*> by_digest_;
  std::size_t unfinished_ = 0;
  Lane look_ups_, runs_;
  std::stop_source stop_;
  std::optional<SolveError> first_error_;
  std::optional<cache::Damage> damage_;

  // Guards completions_ alone; a bare mutex for the sake of the condition variable.
  std::mutex mutex_;
  std::condition_variable completed_;
  std::deque<Completion> completions_;

  // Last, so that workers have ended before what they use goes.
  util::WorkerPool look_up_pool_, run_pool_, ahead_pool_;
};

}  // namespace solver
