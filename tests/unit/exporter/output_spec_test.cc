#include <doctest/doctest.h>

#include "exporter/exporter.h"
#include "util/error.h"

using exporter::OutputSpec;
using exporter::parse_output;

TEST_CASE("a bare path is a directory, a dash an archive on standard output") {
  OutputSpec local = parse_output("out/dir");
  CHECK(local.type == "local");
  CHECK(local.destination == "out/dir");
  OutputSpec tar = parse_output("-");
  CHECK(tar.type == "tar");
  CHECK(tar.destination == "-");
  CHECK(parse_output("type=tar").destination == "-");
}

TEST_CASE("attributes of images are read") {
  OutputSpec spec = parse_output(
      "type=image,\"name=a,b:1\",push=true,compression=zstd,compression-level=9,force-compression=,oci-mediatypes=1");
  CHECK(spec.type == "image");
  CHECK(spec.names == std::vector<std::string>{"a", "b:1"});
  CHECK(spec.push);
  CHECK(spec.pack.compression == util::Compression::zstd);
  CHECK(spec.pack.level == 9);
  CHECK(spec.pack.force);
  CHECK(spec.oci_media_types);
  CHECK_FALSE(parse_output("type=oci,dest=x,force-compression=false").pack.force);
  CHECK_FALSE(parse_output("type=oci,dest=x,oci-mediatypes=false").oci_media_types);
}

TEST_CASE("types imply what they are for") {
  CHECK(parse_output("type=registry").push);
  CHECK_FALSE(parse_output("type=image").push);
  CHECK(parse_output("type=oci").destination == "-");
  CHECK(parse_output("type=docker").destination.empty());
  CHECK(parse_output("type=oci,dest=d,tar=false").tar == false);
  CHECK(parse_output("type=cacheonly").type == "cacheonly");
}

TEST_CASE("annotations keep their target in front of the key") {
  OutputSpec spec = parse_output(
      "type=oci,dest=x,annotation.org.A=1,annotation-index.b=2,annotation-manifest-descriptor[linux/arm64].c=3,"
      "annotation[linux/amd64].d.e=4");
  CHECK(spec.annotations == std::map<std::string, std::string>{{"org.A", "1"},
                                                               {"index:b", "2"},
                                                               {"manifest-descriptor[linux/arm64]:c", "3"},
                                                               {"manifest[linux/amd64]:d.e", "4"}});
  CHECK_THROWS_AS(parse_output("type=oci,annotation-nothing.x=1"), util::Error);
  CHECK_THROWS_AS(parse_output("type=oci,annotation.=1"), util::Error);
  CHECK_THROWS_AS(parse_output("type=tar,annotation.x=1"), util::Error);
}

TEST_CASE("quoted fields may have commas and quotation marks") {
  CHECK(parse_output("type=local,\"dest=a,b\"").destination == "a,b");
  CHECK(parse_output("type=local,\"dest=a\"\"b\"").destination == "a\"b");
  CHECK_THROWS_AS(parse_output("type=local,\"dest=a"), util::Error);
  CHECK_THROWS_AS(parse_output("type=local,\"dest=a\"x"), util::Error);
}

TEST_CASE("what is wrong is named, with what was probably meant") {
  auto hint = [](const std::string& text) {
    try {
      parse_output(text);
    } catch (const util::Error& error) {
      return error.message() + " | " + error.hint();
    }
    return std::string("no error");
  };
  CHECK(hint("type=imag") == "output: unknown type `imag` | did you mean `image`?");
  CHECK(hint("dest=x,tar=false").find("`type` is missing") != std::string::npos);
  CHECK(hint("type=oci,dst=x") == "output of type `oci`: unknown attribute `dst` | did you mean `dest`?");
  CHECK(hint("type=local,compression=gzip,dest=x").find("unknown attribute `compression`") != std::string::npos);
  CHECK(hint("type=image,compression=gzp").find("did you mean `gzip`?") != std::string::npos);
  CHECK(hint("type=image,compression=estargz").find("not supported") != std::string::npos);
  CHECK(hint("type=image,compression-level=12").find("0 to 9") != std::string::npos);
  CHECK(hint("type=image,compression-level=x").find("not a number") != std::string::npos);
  CHECK(hint("type=image,push=maybe").find("`maybe` is not true or false") != std::string::npos);
  CHECK(hint("type=image,push").find("must be NAME=VALUE") != std::string::npos);
  CHECK(hint("type=local").find("`dest` must be a directory") != std::string::npos);
  CHECK(hint("type=oci,tar=false").find("`dest` must be a directory") != std::string::npos);
  CHECK(hint("type=image,oci-mediatypes=false,compression=zstd").find("gzip only") != std::string::npos);
  CHECK(hint("type=image,registry.insecure=true").find("BUILDER_INSECURE_REGISTRIES") != std::string::npos);
  CHECK(hint("type=local,dest=x,mode=move").find("neither copy nor delete") != std::string::npos);
  CHECK(hint("").find("empty") != std::string::npos);
}
