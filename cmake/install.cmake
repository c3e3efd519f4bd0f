# What an installation holds: the binary, the library, the public headers, a pkg-config file.
include(GNUInstallDirs)

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
configure_file(${PROJECT_SOURCE_DIR}/cmake/skald.pc.in ${PROJECT_BINARY_DIR}/skald.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/skald.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
