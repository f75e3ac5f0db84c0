# Run by cpack over the files of all packages before they are packed: what Debian's policy asks for.
# https://www.debian.org/doc/debian-policy/ch-docs.html

function(compress)
	execute_process(COMMAND gzip -9n ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
	string(TOUPPER ${component} upper)
	set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
	set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component})
	set(documents ${root}/usr/share/doc/${package})
	file(COPY ${CMAKE_CURRENT_LIST_DIR}/copyright DESTINATION ${documents})
	configure_file(${CMAKE_CURRENT_LIST_DIR}/changelog.in ${documents}/changelog @ONLY)
	compress(${documents}/changelog)
	file(GLOB_RECURSE pages ${root}/usr/share/man/*)
	if(pages)
		compress(${pages})
	endif()
	# Programs and shared libraries were stripped, archives were not.
	file(GLOB_RECURSE archives ${root}/*.a)
	foreach(archive IN LISTS archives)
		execute_process(COMMAND strip --strip-debug --enable-deterministic-archives ${archive}
			COMMAND_ERROR_IS_FATAL ANY)
	endforeach()
	execute_process(COMMAND chmod -R go-w ${root} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
