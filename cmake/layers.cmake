# sk_layer(<name> [PURE] [LINK <targets>...]): the folder src/<name> becomes the static library
# sk_<name>. A layer without sources is an interface library, so that linking it always works.
#
# Pure layers are plain C17; the others also see the extensions of the C library (_GNU_SOURCE).

set(SK_INCLUDE_DIRS ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
set_property(GLOBAL PROPERTY SK_LAYERS_WITH_SOURCES "")

function(sk_layer name)
  cmake_parse_arguments(arg "PURE" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.c)
  foreach(absent IN LISTS SK_BACKENDS_ABSENT)
    list(FILTER sources EXCLUDE REGEX "${absent}")
  endforeach()
  if(NOT sources)
    add_library(sk_${name} INTERFACE)
    target_include_directories(sk_${name} INTERFACE ${SK_INCLUDE_DIRS})
    target_link_libraries(sk_${name} INTERFACE ${arg_LINK})
    return()
  endif()
  add_library(sk_${name} STATIC ${sources})
  target_include_directories(sk_${name} PUBLIC ${SK_INCLUDE_DIRS})
  target_link_libraries(sk_${name} PUBLIC ${arg_LINK})
  target_compile_definitions(sk_${name} PRIVATE SKALD_BUILDING=1)
  if(NOT arg_PURE)
    target_compile_definitions(sk_${name} PRIVATE _GNU_SOURCE=1 ${SK_BACKEND_DEFINES}
      SKALD_BUILD_VERSION="${PROJECT_VERSION}")
  endif()
  set_property(GLOBAL APPEND PROPERTY SK_LAYERS_WITH_SOURCES sk_${name})
endfunction()

# sk_executable(<target> SOURCES ... LINK ...): an executable of ours outside the layers.
# Whoever links base defines sk_panic: the linker is told to look for it from the start, so that the
# order of the libraries does not matter.
function(sk_executable target)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${target} ${arg_SOURCES})
  target_include_directories(${target} PRIVATE ${SK_INCLUDE_DIRS})
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE=1 ${SK_BACKEND_DEFINES}
    SKALD_BUILD_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${target} PRIVATE ${arg_LINK})
  target_link_options(${target} PRIVATE LINKER:--undefined=sk_panic)
endfunction()
