#include "source/source.h"

#include <doctest/doctest.h>

#include "util/error.h"

namespace {

class NoSource final : public source::Source {
 public:
  source::Pin pin(const llb::SourceOp&, util::ProgressTask*, std::stop_token) override { return {}; }
  cache::Result fetch(const llb::SourceOp&, const source::Pin&, util::ProgressTask*, std::stop_token) override {
    return {};
  }
};

}  // namespace

TEST_CASE("each kind of source has its own implementation") {
  NoSource image, local, http, git;
  source::SourceSet all{&image, &local, &http, &git};
  CHECK(&all.get(llb::ImageSource{}) == &image);
  CHECK(&all.get(llb::LocalSource{}) == &local);
  CHECK(&all.get(llb::HttpSource{}) == &http);
  CHECK(&all.get(llb::GitSource{}) == &git);
  source::SourceSet some{&image, &local, nullptr, nullptr};
  CHECK_THROWS_AS(some.get(llb::GitSource{}), util::Error);
}
