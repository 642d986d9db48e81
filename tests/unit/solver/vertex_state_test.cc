#include "solver/vertex_state.h"

#include <doctest/doctest.h>

#include <initializer_list>

using solver::Event;
using solver::Phase;
using solver::Request;
using solver::VertexState;

TEST_CASE("a vertex without inputs looks up at once") {
  VertexState state;
  CHECK(begin(state) == Request::look_up);
  CHECK(state.phase == Phase::looking_up);
}

TEST_CASE("a vertex looks up when its last input is done") {
  VertexState state{Phase::waiting, 2};
  CHECK(begin(state) == Request::nothing);
  CHECK(step(state, Event::input_done) == Request::nothing);
  CHECK(step(state, Event::input_done) == Request::look_up);
}

TEST_CASE("a hit finishes, a miss executes and then finishes") {
  VertexState hit{Phase::looking_up, 0};
  CHECK(step(hit, Event::has_result) == Request::finish);
  CHECK(hit.ended());
  VertexState miss{Phase::looking_up, 0};
  CHECK(step(miss, Event::not_found) == Request::execute);
  CHECK_FALSE(miss.ended());
  CHECK(step(miss, Event::executed) == Request::finish);
  CHECK(miss.phase == Phase::done);
}

TEST_CASE("a failure in either working phase gives up") {
  for (const Phase phase : {Phase::looking_up, Phase::executing}) {
    VertexState state{phase, 0};
    CHECK(step(state, Event::failed) == Request::give_up);
    CHECK(state.phase == Phase::failed);
    CHECK(state.ended());
  }
}
