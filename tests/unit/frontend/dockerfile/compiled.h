#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "frontend/dockerfile/compile.h"
#include "tests/support/fixed_image_resolver.h"
#include "tests/unit/frontend/dockerfile/builders.h"

// Short ways from a Dockerfile to its graph for tests.
namespace test {

inline oci::Platform amd64() {
  return {"linux", "amd64", "", ""};
}
inline oci::Platform arm64() {
  return {"linux", "arm64", "", ""};
}

/// A request for linux/amd64 with a local context.
inline dockerfile::FrontendRequest request() {
  dockerfile::FrontendRequest request;
  request.platforms = {amd64()};
  request.build_platform = amd64();
  request.context = llb::make_vertex(llb::LocalSource{"context", "/context", {}}, {}, {});
  return request;
}

/// Knows busybox, with one layer.
class Images : public FixedImageResolver {
 public:
  Images() { add("docker.io/library/busybox:latest", small_image()); }
};

inline dockerfile::FrontendResult compile_all(const std::string& text, const dockerfile::FrontendRequest& request,
                                              oci::ImageResolver& images) {
  return dockerfile::compile(parse(text), request, images);
}

inline dockerfile::PlatformResult compile(const std::string& text,
                                          const dockerfile::FrontendRequest& request = test::request()) {
  Images images;
  return compile_all(text, request, images).platforms.at(0);
}

struct Failure {
  std::string message;
  std::string hint;
  std::vector<llb::SourceRange> ranges;
};

/// The error that compiling ends with; an empty message when there is none.
inline Failure failure(const std::string& text, const dockerfile::FrontendRequest& request = test::request()) {
  try {
    compile(text, request);
    return {};
  } catch (const dockerfile::DockerfileError& error) {
    return {error.message(), error.hint(), error.location().ranges};
  } catch (const util::Error& error) {
    return {error.message(), error.hint(), {}};
  }
}

/// The op of a vertex, which has to be a T.
template <typename T>
const T& op(const llb::VertexRef& vertex) {
  REQUIRE(vertex != nullptr);
  REQUIRE(std::holds_alternative<T>(vertex->op()));
  return std::get<T>(vertex->op());
}

/// The only action of a file op.
template <typename T>
const T& action(const llb::VertexRef& vertex, std::size_t index = 0) {
  const auto& file = op<llb::FileOp>(vertex);
  REQUIRE(index < file.actions.size());
  REQUIRE(std::holds_alternative<T>(file.actions[index]));
  return std::get<T>(file.actions[index]);
}

/// created_by of the entries above the base.
inline std::vector<std::string> history(const dockerfile::PlatformResult& result) {
  std::vector<std::string> texts;
  for (std::size_t i = result.base_history; i < result.config.history.size(); ++i) {
    texts.push_back(result.config.history[i].created_by);
  }
  return texts;
}

/// Names of all steps, inputs first.
inline std::vector<std::string> step_names(const dockerfile::PlatformResult& result) {
  std::vector<std::string> names;
  const std::vector<llb::VertexRef> roots{result.root};
  for (const auto& vertex : llb::topological_order(roots)) names.push_back(vertex->meta().name);
  return names;
}

inline std::vector<std::string> rules(const std::string& text, dockerfile::FrontendRequest request = test::request()) {
  Images images;
  std::vector<std::string> found;
  for (const auto& warning : compile_all(text, request, images).warnings) found.push_back(warning.rule);
  return found;
}

}  // namespace test
