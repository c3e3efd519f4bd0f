# Build types, warnings and instrumentation: one place, applied to every target of the project.

option(SKALD_TESTS "Build the tests" ON)
option(SKALD_WERROR "Warnings are errors" ON)
option(SKALD_COVERAGE "Instrument for line coverage (gcc)" OFF)
option(SKALD_FUZZ "Build the fuzzers (clang); implies the address and undefined sanitizers" OFF)
set(SKALD_SANITIZE "" CACHE STRING "Sanitizer: empty, address (with undefined) or thread")
set_property(CACHE SKALD_SANITIZE PROPERTY STRINGS "" address thread)

get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(NOT multi_config AND NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

# Assertions stay on in every build: no NDEBUG anywhere.
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

add_compile_options(
  -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes
  -fno-strict-overflow -fno-omit-frame-pointer -fstack-protector-strong)
if(SKALD_WERROR)
  add_compile_options(-Werror)
endif()

if(SKALD_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "SKALD_FUZZ needs clang: configure with CC=clang or use the preset fuzz")
  endif()
  set(SKALD_SANITIZE address)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(SKALD_SANITIZE STREQUAL "address")
  set(sanitize_flags -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(SKALD_SANITIZE STREQUAL "thread")
  set(sanitize_flags -fsanitize=thread)
elseif(NOT SKALD_SANITIZE STREQUAL "")
  message(FATAL_ERROR "SKALD_SANITIZE is '${SKALD_SANITIZE}'; use address, thread or nothing")
endif()
if(sanitize_flags)
  add_compile_options(${sanitize_flags})
  add_link_options(${sanitize_flags})
elseif(NOT SKALD_COVERAGE)
  add_compile_options($<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
endif()

if(SKALD_COVERAGE)
  add_compile_options(--coverage -O0 -fprofile-abs-path -fprofile-update=atomic)
  add_link_options(--coverage)
endif()
