# External libraries. Required ones stop the configuration with the name of the Debian package;
# a back-end whose library is absent is left out, is said so once, and is missing from the tables
# at run time (SK_WITH_<NAME> is defined only where the library is there).

find_package(PkgConfig REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

# The modules that a program which links libskald.a needs, too (skald.pc, skaldConfig.cmake).
set(SK_PKG_MODULES "")
set(SK_PKG_LIBS "")

function(sk_require name module package)
  pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "Skald needs ${module}: apt-get install ${package} (or run scripts/install-deps build)")
  endif()
  string(REGEX REPLACE "[>=].*" "" bare ${module})
  set(SK_PKG_MODULES ${SK_PKG_MODULES} ${bare} PARENT_SCOPE)
  set(SK_PKG_LIBS ${SK_PKG_LIBS} ${${name}_LIBRARIES} PARENT_SCOPE)
endfunction()

sk_require(SODIUM libsodium libsodium-dev)
sk_require(YAML yaml-0.1 libyaml-dev)
sk_require(JANSSON jansson libjansson-dev)
sk_require(EVENT libevent>=2.1.12 libevent-dev)
sk_require(EVENT_PTHREADS libevent_pthreads>=2.1.12 libevent-dev)

# Back-ends: sources src/<layer>/<name>.c, src/<layer>/<name>_*.c and src/<layer>/<name>/ exist only
# with their library. Rows: layer/name, pkg-config module, Debian package.
set(SK_BACKENDS
  "store/sqlite|sqlite3>=3.37|libsqlite3-dev"
  "store/journal|libxxhash|libxxhash-dev"
  "store/postgres|libpq|libpq-dev"
  "store/mariadb|libmariadb|libmariadb-dev"
  "store/redis|hiredis|libhiredis-dev"
  "invoke/http|libcurl>=7.80|libcurl4-openssl-dev"
  "bus/nats|libnats|libnats-dev"
  "bus/kafka|rdkafka|librdkafka-dev"
  "bus/rabbitmq|librabbitmq|librabbitmq-dev")

set(SK_BACKENDS_ABSENT "")    # regular expressions of the sources to leave out
set(SK_BACKEND_DEFINES "")
foreach(row IN LISTS SK_BACKENDS)
  string(REPLACE "|" ";" row "${row}")
  list(GET row 0 place)
  list(GET row 1 module)
  list(GET row 2 package)
  get_filename_component(layer ${place} DIRECTORY)
  get_filename_component(backend ${place} NAME)
  string(TOUPPER ${backend} upper)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${place}.c
       ${PROJECT_SOURCE_DIR}/src/${place}_*.c ${PROJECT_SOURCE_DIR}/src/${place}/*.c)
  pkg_check_modules(${upper} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(${upper}_FOUND)
    if(sources)
      list(APPEND SK_BACKEND_DEFINES SK_WITH_${upper}=1)
      list(APPEND SK_${layer}_LIBRARIES PkgConfig::${upper})
      string(REGEX REPLACE "[>=].*" "" bare ${module})
      list(APPEND SK_PKG_MODULES ${bare})
      list(APPEND SK_PKG_LIBS ${${upper}_LIBRARIES})
    endif()
  else()
    list(APPEND SK_BACKENDS_ABSENT "/src/${place}(_[^/]*)?(\\.c|/.*)$")
    if(sources)
      message(STATUS "Skald: ${place} is left out: ${module} is missing (apt-get install ${package})")
    endif()
  endif()
endforeach()

# uthash is headers only.
include(CheckIncludeFile)
check_include_file(uthash.h SK_HAVE_UTHASH)
if(NOT SK_HAVE_UTHASH)
  unset(SK_HAVE_UTHASH CACHE)
  message(FATAL_ERROR "Skald needs uthash: apt-get install uthash-dev (or run scripts/install-deps build)")
endif()
