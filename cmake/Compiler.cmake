# How everything of ours is compiled. Targets take it by linking to qchain_options.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS ON)            # QC_TRY is a statement expression
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(QCHAIN_CCACHE ccache)
if(QCHAIN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths below the source tree are made relative before they count: clones share what was compiled in any of them.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${QCHAIN_CCACHE})
endif()

add_library(qchain_options INTERFACE)
target_include_directories(qchain_options INTERFACE ${PROJECT_SOURCE_DIR})
# Untrusted images are parsed here: the standard library's bounds checks stay on in every build.
target_compile_definitions(qchain_options INTERFACE _FILE_OFFSET_BITS=64 _GLIBCXX_ASSERTIONS)
target_compile_options(qchain_options INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # clang counts changes of sign to -Wconversion, g++ does not: one rule for both.
  target_compile_options(qchain_options INTERFACE -Wno-sign-conversion)
endif()

find_program(QCHAIN_MOLD mold)
if(QCHAIN_MOLD)
  # g++ 12 and clang both know -fuse-ld=mold.
  target_link_options(qchain_options INTERFACE -fuse-ld=mold)
endif()

set(QCHAIN_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=: address,undefined or thread")
if(QCHAIN_SANITIZE)
  target_compile_options(qchain_options INTERFACE -fsanitize=${QCHAIN_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(qchain_options INTERFACE -fsanitize=${QCHAIN_SANITIZE})
endif()

option(QCHAIN_FUZZ "Build the libFuzzer programs (clang only)" OFF)
if(QCHAIN_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "QCHAIN_FUZZ needs clang: use the preset fuzz")
  endif()
  # Coverage counters everywhere; only the fuzz programs link libFuzzer's main().
  target_compile_options(qchain_options INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(qchain_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
