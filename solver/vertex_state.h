#pragma once

namespace solver {

/// How far a vertex is.
enum class Phase {
  waiting,     ///< for its inputs
  looking_up,  ///< its keys are made and looked up
  executing,   ///< its action runs, or waits for a place to run
  done,
  failed,
};

enum class Event {
  input_done,  ///< one more input has its result
  has_result,  ///< the look-up found a result, or the op is of a kind that is not looked up and yielded one
  not_found,   ///< the look-up missed
  executed,
  failed,
};

/// What the scheduler has to do after an event.
enum class Request {
  nothing,
  look_up,
  execute,
  finish,   ///< tell the users of the result
  give_up,  ///< stop everything
};

/// The life of one vertex as a pure state machine; no threads, no I/O.
struct VertexState {
  Phase phase = Phase::waiting;
  unsigned open_inputs = 0;

  bool ended() const { return phase == Phase::done || phase == Phase::failed; }
};

/// The first request of a fresh vertex: look_up if it waits for nothing.
Request begin(VertexState& state);
/// An event that cannot happen in the current phase is a bug (CHECK).
Request step(VertexState& state, Event event);

}  // namespace solver
