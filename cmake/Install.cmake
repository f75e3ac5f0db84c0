# What is installed of the libraries, and the names by which others find them: tide::tide, tide::core,
# tide::store and tide::preload, also of a project that has this one as a part; and pkg-config files.
# All of it can be moved: nothing says where it was installed.
#
# Three parts: "preload" is what a running program needs, "dev" what building one needs, "tools" the
# rest.

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME tools)
foreach(library IN LISTS tide_libraries)
	string(REGEX REPLACE "^tide-" "" name ${library})
	set_target_properties(${library} PROPERTIES EXPORT_NAME ${name})
	add_library(tide::${name} ALIAS ${library})
endforeach()
# A build of the core alone is there to be tested.
if(NOT TIDE_INSTALL OR TIDE_CORE_ONLY)
	return()
endif()

set(tide_cmake_folder ${CMAKE_INSTALL_LIBDIR}/cmake/tide)
foreach(library IN LISTS tide_libraries)
	# The store's targets are read only where liburcu is.
	set(export tide-targets)
	if(library STREQUAL "tide-store")
		set(export tide-store-targets)
	endif()
	install(TARGETS ${library} EXPORT ${export}
		ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
		LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT preload NAMELINK_COMPONENT dev)
endforeach()
install(DIRECTORY include/tide DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev
	FILES_MATCHING PATTERN "*.h")

include(CMakePackageConfigHelpers)
configure_package_config_file(cmake/tide-config.cmake.in tide-config.cmake
	INSTALL_DESTINATION ${tide_cmake_folder}
	NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(tide-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES
	${CMAKE_CURRENT_BINARY_DIR}/tide-config.cmake
	${CMAKE_CURRENT_BINARY_DIR}/tide-config-version.cmake
	cmake/Urcu.cmake
	DESTINATION ${tide_cmake_folder} COMPONENT dev)
foreach(export tide-targets tide-store-targets)
	install(EXPORT ${export} NAMESPACE tide:: DESTINATION ${tide_cmake_folder} COMPONENT dev)
endforeach()

# "..", as often as it takes from the folder of the pkg-config files to the prefix.
file(RELATIVE_PATH tide_pc_prefix
	/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" tide_pc_prefix "${tide_pc_prefix}")
foreach(name tide tide-core tide-store)
	configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
	install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc
		DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
endforeach()
