# Third-party libraries, found once. Each is wrapped as dep_NAME, so that the rest of the build names one thing; all are packages of
# Debian 12 (tools/dev/install-packages).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# A shared library costs 0.1 to 0.3 ms at every start, which is much of a build in which nothing changed. What every build needs is
# therefore a part of the program where the distribution has it as an archive; what few need is opened when it is (util/http_curl.h).
# The sanitizers want the C++ library shared.
set(static_default ON)
if(BUILDER_SANITIZE)
  set(static_default OFF)
endif()
option(BUILDER_STATIC_LIBRARIES "Libraries are parts of the program where they can be" ${static_default})
set(kind shared)  # part of the names under which CMake remembers what it found
if(BUILDER_STATIC_LIBRARIES)
  list(PREPEND CMAKE_FIND_LIBRARY_SUFFIXES .a)
  set(kind static)
endif()

function(builder_dependency name)
  add_library(dep_${name} INTERFACE)
  target_link_libraries(dep_${name} INTERFACE ${ARGN})
endfunction()

function(builder_pkg_dependency name module)
  pkg_check_modules(${name}_${kind} REQUIRED IMPORTED_TARGET "${module}")
  builder_dependency(${name} PkgConfig::${name}_${kind})
endfunction()

builder_dependency(threads Threads::Threads)
find_package(fmt 9 REQUIRED)
if(BUILDER_STATIC_LIBRARIES)
  # Debian has no archive of it, and its header-only form trebles the time to compile a file.
  add_library(fmt_static STATIC "${CMAKE_SOURCE_DIR}/cmake/fmt_static.cc")
  target_compile_features(fmt_static PRIVATE cxx_std_20)
  target_compile_definitions(fmt_static PUBLIC $<TARGET_PROPERTY:fmt::fmt,INTERFACE_COMPILE_DEFINITIONS>)
  builder_dependency(fmt fmt_static)
else()
  builder_dependency(fmt fmt::fmt)
endif()
find_package(spdlog 1.10 REQUIRED)
add_library(dep_spdlog INTERFACE)
target_compile_definitions(dep_spdlog INTERFACE SPDLOG_FMT_EXTERNAL)
target_link_libraries(dep_spdlog INTERFACE dep_fmt)
find_package(nlohmann_json 3.11 REQUIRED)
builder_dependency(json nlohmann_json::nlohmann_json)
find_package(CLI11 2.1 REQUIRED)
builder_dependency(cli11 CLI11::CLI11)
find_package(doctest 2.4 REQUIRED)
builder_dependency(doctest doctest::doctest)
builder_pkg_dependency(crypto "libcrypto>=3.0")
builder_pkg_dependency(lzma "liblzma>=5.2")
find_library(bzip2_${kind} bz2 REQUIRED)
builder_dependency(bzip2 "${bzip2_${kind}}")
builder_pkg_dependency(zstd "libzstd>=1.5.4")
builder_pkg_dependency(zlib "zlib>=1.2.13")
builder_pkg_dependency(deflate "libdeflate>=1.14")
# Only its headers, as below: Debian has no archive of it.
pkg_check_modules(isal_headers REQUIRED "libisal>=2.30")
builder_dependency(isal ${CMAKE_DL_LIBS})
target_include_directories(dep_isal SYSTEM INTERFACE ${isal_headers_INCLUDE_DIRS})
builder_pkg_dependency(re2 "re2")
builder_pkg_dependency(seccomp "libseccomp>=2.5.4")
builder_pkg_dependency(yaml "yaml-0.1>=0.2.5")
builder_pkg_dependency(sqlite "sqlite3>=3.40")
target_link_libraries(dep_sqlite INTERFACE m ${CMAKE_DL_LIBS})
# Only its headers: the library is opened when it is needed.
pkg_check_modules(curl_headers REQUIRED "libcurl>=7.88")
builder_dependency(curl ${CMAKE_DL_LIBS})
target_include_directories(dep_curl SYSTEM INTERFACE ${curl_headers_INCLUDE_DIRS})
# Header-only: few machines have the files that it reads.
pkg_check_modules(toml_headers REQUIRED "tomlplusplus>=3.3")
add_library(dep_toml INTERFACE)
target_include_directories(dep_toml SYSTEM INTERFACE ${toml_headers_INCLUDE_DIRS})
