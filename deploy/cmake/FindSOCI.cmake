# Debian's SOCI 4.0 ships no CMake configuration. Imported targets: SOCI::core, SOCI::sqlite3 and, where
# installed, SOCI::postgresql.
find_path(SOCI_INCLUDE_DIR soci/soci.h)
find_library(SOCI_core_LIBRARY soci_core)
find_library(SOCI_sqlite3_LIBRARY soci_sqlite3)
find_library(SOCI_postgresql_LIBRARY soci_postgresql)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SOCI REQUIRED_VARS SOCI_INCLUDE_DIR SOCI_core_LIBRARY
                                                     SOCI_sqlite3_LIBRARY)

foreach(component core sqlite3 postgresql)
  if(SOCI_${component}_LIBRARY AND NOT TARGET SOCI::${component})
    add_library(SOCI::${component} UNKNOWN IMPORTED)
    set_target_properties(
      SOCI::${component} PROPERTIES IMPORTED_LOCATION ${SOCI_${component}_LIBRARY}
                                    INTERFACE_INCLUDE_DIRECTORIES ${SOCI_INCLUDE_DIR})
    if(NOT component STREQUAL core)
      set_target_properties(SOCI::${component} PROPERTIES INTERFACE_LINK_LIBRARIES SOCI::core)
    endif()
  endif()
endforeach()
