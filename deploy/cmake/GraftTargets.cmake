# Helpers that keep one target a folder and one place for compiler options.

add_library(graft_options INTERFACE)
# Fused multiply-adds round differently: without them, results do not depend on the processor that the
# compiler had in mind. Clang does not know the pragmas that tell GCC about loops.
target_compile_options(
  graft_options
  INTERFACE -ffp-contract=off
            $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wno-unused-parameter
            -Wno-missing-field-initializers> $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety
            -Wthread-safety-beta -Wno-unknown-pragmas> $<$<BOOL:${GRAFT_WERROR}>:-Werror>)
target_include_directories(graft_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
if(GRAFT_SANITIZE)
  target_compile_options(graft_options INTERFACE -fsanitize=${GRAFT_SANITIZE} -fno-omit-frame-pointer
                                                 -fno-sanitize-recover=all)
  # The checks' own code makes GCC suspect std::function and others.
  target_compile_options(graft_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(graft_options INTERFACE -fsanitize=${GRAFT_SANITIZE})
  if(GRAFT_SANITIZE STREQUAL thread)
    # Protobuf's headers add a member to maps by this macro, which the installed library lacks.
    target_compile_options(graft_options INTERFACE -U__SANITIZE_THREAD__)
  endif()
endif()

set(GRAFT_SANITIZER_OPTIONS
    "ASAN_OPTIONS=allocator_may_return_null=1"
    "TSAN_OPTIONS=allocator_may_return_null=1:suppressions=${CMAKE_SOURCE_DIR}/tests/tsan_suppressions.txt")

# graft_library(NAME arch SOURCES ... HEADERS ... DEPS ... PRIVATE_DEPS ...)
# makes graft_arch with the alias graft::arch. DEPS are what a header shows.
function(graft_library)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;HEADERS;DEPS;PRIVATE_DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(graft_${ARG_NAME} STATIC ${ARG_SOURCES} ${ARG_HEADERS})
    target_link_libraries(
      graft_${ARG_NAME}
      PUBLIC ${ARG_DEPS}
      PRIVATE ${ARG_PRIVATE_DEPS} graft_options)
    target_include_directories(graft_${ARG_NAME} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  else()
    add_library(graft_${ARG_NAME} INTERFACE)
    target_link_libraries(graft_${ARG_NAME} INTERFACE ${ARG_DEPS})
    target_include_directories(graft_${ARG_NAME} INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  endif()
  add_library(graft::${ARG_NAME} ALIAS graft_${ARG_NAME})
endfunction()

# graft_binary(NAME graft-worker SOURCES ... DEPS ...): a program, installed.
function(graft_binary)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} graft_options)
  install(TARGETS ${ARG_NAME} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# graft_test(NAME arch_test SOURCES ... DEPS ... [LABELS core ...] [ARGS ...] [TIMEOUT seconds])
# makes a GoogleTest program and one ctest entry. AddressSanitizer lets an allocation fail that is too
# large, as the C library does. Labels: `core` (also run under ThreadSanitizer), `network` (with gRPC),
# `integration`, `slow` (only in the --all tier).
function(graft_test)
  cmake_parse_arguments(ARG "" "NAME;TIMEOUT;TIER" "SOURCES;DEPS;LABELS;ARGS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SOURCES})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} graft_options GTest::gmock GTest::gtest_main)
  set_target_properties(${ARG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} ${ARG_ARGS} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS core)
  endif()
  set_tests_properties(
    ${ARG_NAME}
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}" ENVIRONMENT
               "GRAFT_BIN_DIR=${CMAKE_BINARY_DIR}/bin;GRAFT_SOURCE_DIR=${CMAKE_SOURCE_DIR};${GRAFT_SANITIZER_OPTIONS}")
endfunction()

# graft_test_again(NAME arch_other_test OF arch_test ENVIRONMENT VARIABLE=value)
# makes another ctest entry of a program of graft_test, which runs with that variable.
function(graft_test_again)
  cmake_parse_arguments(ARG "" "NAME;OF;ENVIRONMENT" "" ${ARGN})
  get_test_property(${ARG_OF} ENVIRONMENT environment)
  get_test_property(${ARG_OF} LABELS labels)
  get_test_property(${ARG_OF} TIMEOUT timeout)
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_OF} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${ARG_NAME} PROPERTIES TIMEOUT ${timeout} LABELS "${labels}" ENVIRONMENT
                                              "${environment};${ARG_ENVIRONMENT}")
endfunction()

# graft_fuzz_target(NAME idx_fuzz DEPS ...): the target of idx_fuzz.cc (tests/fuzz/fuzz_target.h), with
# GRAFT_FUZZ as a libFuzzer program and a dependency of fuzz_targets, otherwise as a test.
function(graft_fuzz_target)
  cmake_parse_arguments(ARG "" "NAME" "DEPS" ${ARGN})
  if(NOT GRAFT_FUZZ)
    graft_test(
      NAME ${ARG_NAME}_test
      SOURCES ${ARG_NAME}.cc ${CMAKE_SOURCE_DIR}/tests/fuzz/seeds_test.cc
      DEPS graft::testing_fuzz ${ARG_DEPS})
    return()
  endif()
  add_executable(${ARG_NAME} EXCLUDE_FROM_ALL ${ARG_NAME}.cc
                                              ${CMAKE_SOURCE_DIR}/tests/fuzz/libfuzzer_main.cc)
  target_link_libraries(${ARG_NAME} PRIVATE graft::testing_fuzz ${ARG_DEPS} graft_options)
  target_link_options(${ARG_NAME} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${ARG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  add_dependencies(fuzz_targets ${ARG_NAME})
endfunction()

# graft_python_test(NAME client_test SOURCE client_test.py [LABELS python ...] [TIMEOUT seconds])
# makes one ctest entry of a file of Python's unittest, which may import the client and what lies
# beside the file.
function(graft_python_test)
  cmake_parse_arguments(ARG "" "NAME;SOURCE;TIMEOUT" "LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${ARG_NAME}
           COMMAND ${GRAFT_PYTHON} -B ${CMAKE_SOURCE_DIR}/tests/unittest_main.py ${ARG_NAME}
                   ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SOURCE}
           WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(
    ${ARG_NAME}
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}" ENVIRONMENT
               "GRAFT_BIN_DIR=${CMAKE_BINARY_DIR}/bin;GRAFT_SOURCE_DIR=${CMAKE_SOURCE_DIR};PYTHONPATH=${CMAKE_BINARY_DIR}/python")
endfunction()

# Adds each named folder.
function(graft_add_subdirectories)
  foreach(folder IN LISTS ARGN)
    add_subdirectory(${folder})
  endforeach()
endfunction()
