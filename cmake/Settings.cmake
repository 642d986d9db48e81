# INTERFACE targets that every own target links and no third-party one does.
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

option(BUILDER_WERROR "Warnings are errors" OFF)
set(BUILDER_SANITIZE "" CACHE STRING "Sanitizers: address,undefined or thread")

add_library(standard_settings INTERFACE)
target_compile_features(standard_settings INTERFACE cxx_std_20)
target_include_directories(standard_settings INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_definitions(standard_settings INTERFACE _FILE_OFFSET_BITS=64 _GNU_SOURCE)

add_library(standard_warnings INTERFACE)
target_compile_options(standard_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                       -Wcast-qual -Wimplicit-fallthrough)
if(BUILDER_WERROR)
  target_compile_options(standard_warnings INTERFACE -Werror)
endif()

if(BUILDER_SANITIZE)
  target_compile_options(standard_settings INTERFACE -fsanitize=${BUILDER_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(standard_settings INTERFACE -fsanitize=${BUILDER_SANITIZE})
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()
