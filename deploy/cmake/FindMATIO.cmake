# Debian's libmatio ships no CMake configuration. Imported target: MATIO::MATIO.
find_path(MATIO_INCLUDE_DIR matio.h)
find_library(MATIO_LIBRARY matio)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MATIO REQUIRED_VARS MATIO_INCLUDE_DIR MATIO_LIBRARY)

if(NOT TARGET MATIO::MATIO)
  add_library(MATIO::MATIO UNKNOWN IMPORTED)
  set_target_properties(
    MATIO::MATIO PROPERTIES IMPORTED_LOCATION ${MATIO_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES
                                                               ${MATIO_INCLUDE_DIR})
endif()
