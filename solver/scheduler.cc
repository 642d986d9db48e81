#include "solver/scheduler.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "cache/tree.h"
#include "util/check.h"
#include "util/error.h"

namespace solver {

struct Scheduler::Node {
  llb::VertexRef vertex;
  VertexState state;
  std::size_t order = 0;      // in the topological order
  unsigned remaining = 1;     // vertices on the longest path from here to a root
  std::vector<Node*> inputs;  // one per input of the vertex; null = scratch
  std::vector<Node*> users;   // once per input that refers to this
  std::string step;
  std::shared_ptr<Action> action;  // shared with what reads ahead for it
  bool started = false;     // and reported so
  bool read_ahead = false;  // or going to be
  Result result;
};

namespace {

std::shared_ptr<const cache::Tree> unseen_of(const cache::Tree& tree) {
  try {
    return tree.unseen();
  } catch (const util::Error&) {
    // It is only a look ahead.
    return nullptr;
  }
}

unsigned default_workers() {
  return std::max(8u, 2 * std::thread::hardware_concurrency());
}

}  // namespace

bool Scheduler::Lane::Later::operator()(const Node* a, const Node* b) const {
  if (a->remaining != b->remaining) return a->remaining < b->remaining;
  return a->order > b->order;
}

Scheduler::Scheduler(const ActionEnvironment& environment, const SolveOptions& options,
                     std::map<util::Digest, Result>& finished)
    : environment_(environment),
      finished_(finished),
      look_ups_(default_workers()),
      runs_(options.jobs > 0 ? options.jobs : default_workers()),
      look_up_pool_(look_ups_.limit),
      run_pool_(runs_.limit),
      // One at a time: a look-up never waits for what is read ahead for another step.
      ahead_pool_(1) {}

Scheduler::~Scheduler() = default;

std::vector<Result> Scheduler::run(std::span<const llb::VertexRef> roots, std::stop_token stop) {
  make_nodes(roots);
  name_steps();
  rank_nodes();
  const std::stop_callback forward(stop, [this] { stop_.request_stop(); });

  for (const auto& node : nodes_) {
    if (!node->state.ended()) obey(*node, begin(node->state));
  }
  while (unfinished_ > 0) {
    if (!stop_.stop_requested()) start_ready();
    if (look_ups_.busy + runs_.busy == 0) break;
    handle(wait_for_completion());
  }
  if (unfinished_ > 0) {
    // Nothing runs and nothing could be started: right after a stop, a bug otherwise.
    CHECK(stop_.stop_requested());
    cancel_started();
    if (damage_) throw *damage_;
    if (first_error_) throw *first_error_;
    throw util::Cancelled();
  }
  std::vector<Result> results;
  for (const llb::VertexRef& root : roots) {
    results.push_back(root == nullptr ? Result{} : by_digest_.at(root->digest())->result);
  }
  return results;
}

void Scheduler::make_nodes(std::span<const llb::VertexRef> roots) {
  for (const llb::VertexRef& vertex : llb::topological_order(roots)) {
    nodes_.push_back(std::make_unique<Node>());
    Node& node = *nodes_.back();
    node.vertex = vertex;
    node.order = nodes_.size();
    by_digest_[vertex->digest()] = &node;
    if (const auto known = finished_.find(vertex->digest()); known != finished_.end()) {
      node.state.phase = Phase::done;
      node.result = known->second;
      continue;
    }
    ++unfinished_;
    for (const llb::VertexRef& input : vertex->inputs()) {
      Node* from = input == nullptr ? nullptr : by_digest_.at(input->digest());
      node.inputs.push_back(from);
      if (from == nullptr || from->state.ended()) continue;
      from->users.push_back(&node);
      ++node.state.open_inputs;
    }
  }
}

/// Steps are named by stage, place in the stage and kind of instruction, which stay when arguments or files change.
void Scheduler::name_steps() {
  std::map<std::string, unsigned> taken;
  std::map<const llb::Vertex*, unsigned> place;
  for (const auto& node : nodes_) {
    const llb::Vertex& vertex = *node->vertex;
    const llb::Vertex* below = vertex.inputs().empty() || vertex.inputs()[0] == nullptr
                                   ? nullptr
                                   : by_digest_.at(vertex.inputs()[0]->digest())->vertex.get();
    const bool same_stage = below != nullptr && below->meta().stage == vertex.meta().stage;
    place[&vertex] = same_stage ? place.at(below) + 1 : 0;
    const std::string& instruction = vertex.meta().instruction;
    std::string name = vertex.meta().stage + "/" + std::to_string(place.at(&vertex)) + " " +
                       instruction.substr(0, instruction.find(' '));
    if (const unsigned before = taken[name]++; before > 0) name += " #" + std::to_string(before + 1);
    node->step = std::move(name);
  }
}

void Scheduler::rank_nodes() {
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    for (Node* input : (*node)->inputs) {
      if (input != nullptr) input->remaining = std::max(input->remaining, (*node)->remaining + 1);
    }
  }
}

Action& Scheduler::action_of(Node& node) {
  if (!node.action) node.action = std::make_shared<Action>(environment_, node.vertex, node.step);
  return *node.action;
}

/// `node` has to run, which may take long: meanwhile the files by which its users are keyed are read.
void Scheduler::read_ahead(const Node& node) {
  struct Wanted {
    std::shared_ptr<Action> action;
    std::size_t index;
    Result context;
  };
  std::vector<Wanted> all;
  for (Node* user : node.users) {
    if (user->state.phase != Phase::waiting || user->read_ahead) continue;
    for (std::size_t i = 0; i < user->inputs.size(); ++i) {
      const Node* input = user->inputs[i];
      if (input == nullptr || input->result.tree == nullptr) continue;
      action_of(*user);
      all.push_back({user->action, i, input->result});
      user->read_ahead = true;
    }
  }
  if (all.empty()) return;
  ahead_pool_.post([all = std::move(all), stop = stop_.get_token()] {
    std::map<const cache::Tree*, Result> unseen;  // what several users read is looked at once
    for (const Wanted& one : all) {
      const auto [known, is_new] = unseen.try_emplace(one.context.tree.get());
      if (is_new) known->second.tree = unseen_of(*one.context.tree);
      if (known->second.tree != nullptr) one.action->read_ahead(one.index, known->second, stop);
    }
  });
}

void Scheduler::obey(Node& node, Request request) {
  switch (request) {
    case Request::nothing:
      return;
    case Request::look_up:
      action_of(node);
      look_ups_.ready.push(&node);
      return;
    case Request::execute:
      runs_.ready.push(&node);
      read_ahead(node);
      return;
    case Request::finish:
      finish(node);
      return;
    case Request::give_up:
      stop_.request_stop();
      return;
  }
}

void Scheduler::start_ready() {
  while (look_ups_.busy < look_ups_.limit && !look_ups_.ready.empty()) {
    Node& node = *look_ups_.ready.top();
    report_started(node);
    node.started = true;
    start(look_ups_, look_up_pool_, node);
  }
  while (runs_.busy < runs_.limit && !runs_.ready.empty()) start(runs_, run_pool_, *runs_.ready.top());
}

void Scheduler::start(Lane& lane, util::WorkerPool& pool, Node& node) {
  lane.ready.pop();
  ++lane.busy;
  pool.post([this, &node] { post(work(node)); });
}

/// On a worker thread. The state of the node does not change while it is here.
Scheduler::Completion Scheduler::work(Node& node) {
  Completion completion;
  completion.node = &node;
  try {
    std::vector<Result> inputs;
    for (const Node* input : node.inputs) inputs.push_back(input == nullptr ? Result{} : input->result);
    if (node.state.phase == Phase::looking_up) {
      std::optional<Action::Outcome> outcome = node.action->look_up(inputs, stop_.get_token());
      completion.event = outcome ? Event::has_result : Event::not_found;
      if (outcome) completion.outcome = std::move(*outcome);
    } else {
      completion.outcome = node.action->execute(inputs, stop_.get_token());
      completion.event = Event::executed;
    }
  } catch (...) {
    completion.event = Event::failed;
    completion.error = std::current_exception();
  }
  return completion;
}

void Scheduler::post(Completion completion) {
  const std::lock_guard lock(mutex_);
  completions_.push_back(std::move(completion));
  completed_.notify_one();
}

Scheduler::Completion Scheduler::wait_for_completion() {
  std::unique_lock lock(mutex_);
  completed_.wait(lock, [this] { return !completions_.empty(); });
  Completion completion = std::move(completions_.front());
  completions_.pop_front();
  return completion;
}

void Scheduler::handle(Completion completion) {
  Node& node = *completion.node;
  --(node.state.phase == Phase::looking_up ? look_ups_ : runs_).busy;
  const Request request = step(node.state, completion.event);
  if (completion.event == Event::failed) {
    fail(node, completion.error);
  } else if (node.state.phase == Phase::done) {
    node.result = std::move(completion.outcome.result);
    report_done(node, completion.outcome.cached, false, std::nullopt);
  }
  obey(node, request);
}

void Scheduler::finish(Node& node) {
  --unfinished_;
  finished_[node.vertex->digest()] = node.result;
  node.action.reset();
  for (Node* user : node.users) obey(*user, step(user->state, Event::input_done));
}

void Scheduler::fail(Node& node, const std::exception_ptr& error) {
  node.action.reset();
  const auto record = [&](const util::Error& what) {
    report_done(node, false, false, what.message());
    // What fails after a stop fails because of it.
    if (!stop_.stop_requested()) first_error_.emplace(node.vertex, what, error);
  };
  try {
    std::rethrow_exception(error);
  } catch (const util::Cancelled& cancelled) {
    // Without a stop nobody cancelled this: then it is a failure as any other.
    if (stop_.stop_requested()) {
      report_done(node, false, true, std::nullopt);
    } else {
      record(cancelled);
    }
  } catch (const cache::Damage& what) {
    report_done(node, false, true, std::nullopt);
    if (!stop_.stop_requested()) damage_.emplace(what);
  } catch (const util::Error& what) {
    record(what);
  } catch (const std::exception& what) {
    record(util::Error(what.what()));
  }
}

void Scheduler::report_started(const Node& node) {
  util::TaskStarted event{node.vertex->digest(), node.vertex->meta().name, {}, util::now()};
  for (const llb::VertexRef& input : node.vertex->inputs()) {
    if (input != nullptr) event.inputs.push_back(input->digest());
  }
  environment_.progress.emit(std::move(event));
}

void Scheduler::report_done(Node& node, bool cached, bool canceled, std::optional<std::string> error) {
  node.started = false;
  environment_.progress.emit(util::TaskDone{node.vertex->digest(), cached, canceled, std::move(error), util::now()});
}

/// Vertices that were looked up but had not come to run when everything was stopped.
void Scheduler::cancel_started() {
  for (const auto& node : nodes_) {
    if (node->started) report_done(*node, false, true, std::nullopt);
  }
}

}  // namespace solver
