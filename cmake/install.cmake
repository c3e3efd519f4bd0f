# What an installation holds: the binary, the library (shared and static), the public headers, and
# what finds them: a pkg-config file and a CMake package. scripts/… and src/… stay at home.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

foreach(target skald_cli skald_shared)
  if(TARGET ${target})
    install(TARGETS ${target})
  endif()
endforeach()
get_target_property(kind skald_lib TYPE)
if(kind STREQUAL "STATIC_LIBRARY")
  install(TARGETS skald_lib)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/skald DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")

# Relative, so that an installation may be moved, and installed under another prefix than it was
# configured for.
file(RELATIVE_PATH SK_PC_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" SK_PC_UP ${SK_PC_UP})
string(JOIN " " SK_PC_REQUIRES ${SK_PKG_MODULES})
# Libraries by name and not as Requires.private: that would ask for all that libcurl was ever linked
# with, which nobody needs who links it shared.
list(REMOVE_DUPLICATES SK_PKG_LIBS)
list(TRANSFORM SK_PKG_LIBS PREPEND "-l" OUTPUT_VARIABLE pc_libs)
string(JOIN " " SK_PC_LIBS ${pc_libs})
configure_file(${PROJECT_SOURCE_DIR}/cmake/skald.pc.in ${PROJECT_BINARY_DIR}/skald.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/skald.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/skald)
set(SK_SHARED_NAME ${CMAKE_SHARED_LIBRARY_PREFIX}skald${CMAKE_SHARED_LIBRARY_SUFFIX})
set(SK_SHARED_SONAME ${SK_SHARED_NAME}.${PROJECT_VERSION_MAJOR})
set(SK_STATIC_NAME ${CMAKE_STATIC_LIBRARY_PREFIX}skald${CMAKE_STATIC_LIBRARY_SUFFIX})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/skaldConfig.cmake.in
  ${PROJECT_BINARY_DIR}/skaldConfig.cmake INSTALL_DESTINATION ${package_dir}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/skaldConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/skaldConfig.cmake ${PROJECT_BINARY_DIR}/skaldConfigVersion.cmake
  DESTINATION ${package_dir})
