#include "solver/vertex_state.h"

#include "util/check.h"

namespace solver {
namespace {

Request look_up_when_ready(VertexState& state) {
  if (state.open_inputs > 0) return Request::nothing;
  state.phase = Phase::looking_up;
  return Request::look_up;
}

Request move_to(VertexState& state, Phase phase, Request request) {
  state.phase = phase;
  return request;
}

}  // namespace

Request begin(VertexState& state) {
  CHECK(state.phase == Phase::waiting);
  return look_up_when_ready(state);
}

Request step(VertexState& state, Event event) {
  switch (event) {
    case Event::input_done:
      CHECK(state.phase == Phase::waiting && state.open_inputs > 0);
      --state.open_inputs;
      return look_up_when_ready(state);
    case Event::has_result:
      CHECK(state.phase == Phase::looking_up);
      return move_to(state, Phase::done, Request::finish);
    case Event::not_found:
      CHECK(state.phase == Phase::looking_up);
      return move_to(state, Phase::executing, Request::execute);
    case Event::executed:
      CHECK(state.phase == Phase::executing);
      return move_to(state, Phase::done, Request::finish);
    case Event::failed:
      CHECK(state.phase == Phase::looking_up || state.phase == Phase::executing);
      return move_to(state, Phase::failed, Request::give_up);
  }
  UNREACHABLE();
}

}  // namespace solver
