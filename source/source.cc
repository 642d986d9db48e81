#include "source/source.h"

#include "util/error.h"

namespace source {
namespace {

struct Kind {
  Source* source;
  const char* name;
};

}  // namespace

Source& SourceSet::get(const llb::SourceOp& op) const {
  struct Choose {
    const SourceSet& set;
    Kind operator()(const llb::ImageSource&) const { return {set.image, "images"}; }
    Kind operator()(const llb::LocalSource&) const { return {set.local, "local directories"}; }
    Kind operator()(const llb::HttpSource&) const { return {set.http, "http(s) downloads"}; }
    Kind operator()(const llb::GitSource&) const { return {set.git, "git repositories"}; }
  };
  Kind kind = std::visit(Choose{*this}, op);
  if (kind.source == nullptr) throw util::Error(std::string("load source: ") + kind.name + " are not available here");
  return *kind.source;
}

}  // namespace source
