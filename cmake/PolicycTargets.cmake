# policyc_library(NAME SOURCES ... [PUBLIC ...] [PRIVATE ...]): one folder, one static library.
# Every target gets the same warnings; includes are written from the repository's root.
option(POLICYC_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  # What ccache's manual asks for where headers are precompiled; no source of ours uses __TIME__.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
endif()

add_library(policyc_flags INTERFACE)
target_include_directories(policyc_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(policyc_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Werror
  # What g++ 12 sees in optimised std::string and std::variant is not there (GCC bugs 105329, 105651 and 105593).
  -Wno-restrict $<$<CONFIG:Release>:-Wno-maybe-uninitialized> $<$<CONFIG:Release>:-Wno-array-bounds>
  -fno-omit-frame-pointer)
# Cached objects are told apart by the build id of what made them (compiler/backend/build_identity.h).
target_link_options(policyc_flags INTERFACE -Wl,--build-id=sha1)
if(POLICYC_SANITIZE)
  target_compile_options(policyc_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  target_link_options(policyc_flags INTERFACE -fsanitize=address,undefined)
endif()

# Of the processes that run for long and keep much. Sanitizers have their own.
add_library(policyc_allocator INTERFACE)
if(NOT POLICYC_SANITIZE)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)
  target_link_libraries(policyc_allocator INTERFACE PkgConfig::JEMALLOC)
endif()

function(policyc_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC policyc_flags ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# The headers of every test, compiled once: more than half of a test's compile time was theirs.
function(policyc_test_headers)
  if(TARGET policyc_test_headers)
    return()
  endif()
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/test_headers.cpp CONTENT "")
  add_library(policyc_test_headers OBJECT ${PROJECT_BINARY_DIR}/test_headers.cpp)
  target_link_libraries(policyc_test_headers PRIVATE policyc_flags GTest::gtest GTest::gmock)
  target_precompile_headers(policyc_test_headers PRIVATE
    <gmock/gmock.h> <gtest/gtest.h> <expected> <filesystem> <fstream> <map> <memory> <optional> <set> <span> <sstream>
    <string> <string_view> <variant> <vector>)
endfunction()

# policyc_test(NAME SOURCES ... LIBS ... [LABELS ...] [ROOT]): one GoogleTest binary, one ctest entry per binary.
# The folder of test data reaches the test as POLICYC_TESTDATA.
function(policyc_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE policyc_flags ${ARG_LIBS} GTest::gtest GTest::gtest_main GTest::gmock)
  policyc_test_headers()
  target_precompile_headers(${name} REUSE_FROM policyc_test_headers)
  target_compile_definitions(${name} PRIVATE POLICYC_TESTDATA="${PROJECT_SOURCE_DIR}/testdata")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "POLICYC_CACHE=")  # no cache of objects: each run is its own
endfunction()
