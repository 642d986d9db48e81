#include "frontend/dockerfile/mount_flag.h"

#include <doctest/doctest.h>

#include "util/error.h"

using namespace dockerfile;
using llb::MountType;

namespace {

std::string as_is(std::string_view text) {
  return std::string(text);
}

MountFlag mount(std::string_view text) {
  return parse_mount_flag(text, as_is);
}

std::string error_of(std::string_view text) {
  try {
    mount(text);
    return {};
  } catch (const util::Error& error) {
    return error.message();
  }
}

}  // namespace

TEST_CASE("a mount is a read-only bind by default") {
  MountFlag flag = mount("target=/x,source=y,from=base");
  CHECK(flag.spec.type == MountType::bind);
  CHECK(flag.spec.read_only);
  CHECK(flag.spec.target == "/x");
  CHECK(flag.spec.source == "y");
  CHECK(flag.from == "base");
  CHECK(flag.has_target);
  CHECK_FALSE(mount("from=base").has_target);
  CHECK_FALSE(mount("dst=/x,rw").spec.read_only);
  CHECK(mount("dst=/x,rw=false").spec.read_only);
  CHECK_FALSE(mount("dst=/x,readonly=0").spec.read_only);
}

TEST_CASE("keys and types are case-insensitive, fields may be quoted") {
  MountFlag flag = mount("TYPE=Cache,\"Target=/a,b\",Sharing=LOCKED");
  CHECK(flag.spec.type == MountType::cache);
  CHECK(flag.spec.target == "/a,b");
  CHECK(flag.spec.sharing == llb::Sharing::locked);
}

TEST_CASE("a cache is named by its cleaned target") {
  MountFlag flag = mount("type=cache,target=/a/./b/../c/,uid=1,gid=2,mode=0700");
  CHECK(flag.spec.id == "/a/c");
  CHECK_FALSE(flag.spec.read_only);
  CHECK(flag.spec.uid == 1);
  CHECK(flag.spec.gid == 2);
  CHECK(flag.spec.mode == 0700u);
  CHECK(mount("type=cache,target=a/../../b").spec.id == "../b");
  CHECK(mount("type=cache,target=/a,id=x").spec.id == "x");
  CHECK(mount("type=cache,target=/a").spec.mode == 0755u);
}

TEST_CASE("a secret has an id, a target or both") {
  CHECK(mount("type=secret,id=a/b").spec.target == "/run/secrets/b");
  CHECK(mount("type=secret,target=/x/y").spec.id == "y");
  CHECK(mount("type=secret,source=s").spec.id == "s");
  MountFlag flag = mount("type=secret,id=a,env=E");
  CHECK(flag.spec.env == "E");
  CHECK_FALSE(flag.has_target);
  CHECK(mount("type=secret,id=a,env=E,target=/t").spec.target == "/t");
  CHECK(mount("type=secret,id=a").spec.mode == 0400u);
  CHECK(mount("type=secret,id=a,required").spec.required);
  CHECK_FALSE(mount("type=secret,id=a,required=false").spec.required);
}

TEST_CASE("an ssh socket has the id default") {
  MountFlag flag = mount("type=ssh");
  CHECK(flag.spec.id == "default");
  CHECK(flag.spec.mode == 0600u);
  CHECK_FALSE(flag.has_target);
}

TEST_CASE("a tmpfs has a size in binary units") {
  CHECK(mount("type=tmpfs,target=/x,size=2m").spec.size == 2u << 20);
}

TEST_CASE("values are expanded but for the source image") {
  auto shout = [](std::string_view text) { return std::string(text) + "!"; };
  MountFlag flag = parse_mount_flag("target=/x,from=a", shout);
  CHECK(flag.spec.target == "/x!");
  CHECK(flag.from == "a");
  CHECK(error_of("from=$x,target=/y").find("'from' doesn't support variable expansion") == 0);
  CHECK_NOTHROW(check_mount_flag("type=$x,whatever,target=/y"));
  CHECK_THROWS_AS(check_mount_flag("from=a${x}"), util::Error);
  CHECK_THROWS_AS(check_mount_flag(""), util::Error);
}

TEST_CASE("wrong words get a suggestion") {
  CHECK(error_of("typ=tmpfs") == "unexpected key 'typ' in 'typ=tmpfs' (did you mean type?)");
  CHECK(error_of("type=tmp") == "unsupported mount type \"tmp\" (did you mean tmpfs?)");
  CHECK(error_of("type=cache,sharing=lock") == "unsupported sharing value \"lock\" (did you mean locked?)");
}

TEST_CASE("what a type does not know is refused, and the order counts") {
  for (const char* text : {"target",
                           "required",
                           "required=true,type=secret,id=x",
                           "size=1,type=tmpfs",
                           "type=bind,uid=1",
                           "mode=1",
                           "gid=1",
                           "type=secret",
                           "type=secret,from=x,id=a",
                           "type=secret,sharing=shared,id=a",
                           "type=secret,id=a,source=b",
                           "sharing=shared",
                           "type=ssh,source=x",
                           "env=X",
                           "type=cache,target=/x,mode=9",
                           "type=cache,target=/x,uid=-1",
                           "type=cache,target=/x,uid=4294967296",
                           "type=tmpfs,size=x",
                           "ro=maybe",
                           "rw=",
                           "type=",
                           "target=/x,",
                           "\"target=/x",
                           "type=tmpfs,required"}) {
    CAPTURE(text);
    CHECK_FALSE(error_of(text).empty());
  }
}

TEST_CASE("devices have a name and may be required") {
  CHECK(parse_device_flag("vendor.com/class=dev").name == "vendor.com/class=dev");
  CHECK(parse_device_flag("vendor.com/class,required").required);
  CHECK(parse_device_flag("name=a/b=c,required=false").name == "a/b=c");
  for (const char* text : {"", "required", "a/b,optional", "a/b,required=x"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_device_flag(text), util::Error);
  }
}
