# The web console (console/, TypeScript): made into one C file that src/api links. Without npm the
# binary is built without it, `/` says so, and everything else is the same.
#
# SK_CONSOLE_SOURCE: that file, or empty. Included by src/CMakeLists.txt, for the rule that makes it
# must stand where the library does.
set(SKALD_CONSOLE AUTO CACHE STRING "Build the web console: AUTO (if npm is there), ON or OFF")
set_property(CACHE SKALD_CONSOLE PROPERTY STRINGS AUTO ON OFF)
set(SK_CONSOLE_SOURCE "")

if(SKALD_CONSOLE)
  find_program(SK_NODE node)
  find_program(SK_NPM npm)
  if(SK_NODE AND SK_NPM)
    set(console_dir ${PROJECT_BINARY_DIR}/console)
    set(SK_CONSOLE_SOURCE ${console_dir}/console_files.c)
    file(GLOB_RECURSE console_inputs CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/console/*)
    list(FILTER console_inputs EXCLUDE REGEX "/(node_modules|test)/")
    set(required "")
    if(NOT SKALD_CONSOLE STREQUAL "AUTO")
      set(required --required)
    endif()
    add_custom_command(OUTPUT ${SK_CONSOLE_SOURCE}
      COMMAND ${PROJECT_SOURCE_DIR}/scripts/console ${console_dir} ${required}
      DEPENDS ${console_inputs} ${PROJECT_SOURCE_DIR}/scripts/console
      COMMENT "Building the web console" VERBATIM)
  elseif(SKALD_CONSOLE STREQUAL "AUTO")
    message(STATUS "Skald: the web console is left out: npm is missing (scripts/install-deps console)")
  else()
    message(FATAL_ERROR "SKALD_CONSOLE needs node and npm: scripts/install-deps console")
  endif()
endif()
