# The include ranks, checked. Included, this gives tide_check_layers(), which makes the check part of
# every build; run by `cmake -D TIDE_ROOT=... -D TIDE_RANKS=... -P`, it is the check.
#
# A file of lib/ or gc/ may include files of lower ranks and its own header; what else it may include
# is an edge "includer > included" in TIDE_LAYER_ALLOW. Public headers, <tide/...>, are free to all.

if(CMAKE_SCRIPT_MODE_FILE)
	cmake_policy(VERSION 3.22)
endif()

function(tide_check_layers)
	set(ranks "")
	set(rank 0)
	while(DEFINED TIDE_RANK_${rank})
		string(APPEND ranks "set(TIDE_RANK_${rank} \"${TIDE_RANK_${rank}}\")\n")
		math(EXPR rank "${rank} + 1")
	endwhile()
	string(APPEND ranks "set(TIDE_LAYER_ALLOW \"${TIDE_LAYER_ALLOW}\")\n")
	set(ranks_file ${PROJECT_BINARY_DIR}/ranks.cmake)
	file(CONFIGURE OUTPUT ${ranks_file} CONTENT "${ranks}" @ONLY)

	file(GLOB files CONFIGURE_DEPENDS
		${PROJECT_SOURCE_DIR}/lib/*.[ch] ${PROJECT_SOURCE_DIR}/gc/*.[ch]
		${PROJECT_SOURCE_DIR}/lib/*/*.[ch])
	set(script ${PROJECT_SOURCE_DIR}/cmake/Layers.cmake)
	set(stamp ${PROJECT_BINARY_DIR}/layers.stamp)
	add_custom_command(
		OUTPUT ${stamp}
		COMMAND ${CMAKE_COMMAND}
			-D TIDE_ROOT=${PROJECT_SOURCE_DIR} -D TIDE_RANKS=${ranks_file} -P ${script}
		COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
		DEPENDS ${files} ${ranks_file} ${script}
		COMMENT "Checking include ranks"
		VERBATIM)
	add_custom_target(tide-layers ALL DEPENDS ${stamp})
endfunction()

# Whether TIDE_LAYER_ALLOW has the edge.
function(edge_is_allowed includer included result)
	set(${result} FALSE PARENT_SCOPE)
	foreach(edge IN LISTS TIDE_LAYER_ALLOW)
		string(REPLACE "." "\\." pattern "${edge}")
		string(REPLACE "*" "[^ ]*" pattern "${pattern}")
		if("${includer} > ${included}" MATCHES "^${pattern}$")
			set(${result} TRUE PARENT_SCOPE)
		endif()
	endforeach()
endfunction()

# Appends to `faults` what is wrong with the includes of one file.
function(check_file file)
	get_filename_component(folder ${file} DIRECTORY)
	string(REGEX REPLACE "\\.c$" ".h" own_header ${file})
	file(STRINGS ${TIDE_ROOT}/${file} lines REGEX "^[ \t]*#[ \t]*include[ \t]*[\"<]")
	foreach(line IN LISTS lines)
		string(REGEX MATCH "([\"<])([^\">]*)" ignored "${line}")
		set(quote "${CMAKE_MATCH_1}")
		set(name "${CMAKE_MATCH_2}")
		set(included "")
		foreach(candidate ${folder}/${name} lib/${name} gc/${name} ${name})
			if(NOT included AND DEFINED "rank/${candidate}")
				set(included ${candidate})
			endif()
		endforeach()
		if(NOT included)
			if(quote STREQUAL "\"")
				list(APPEND faults "${file} includes \"${name}\", which has no rank")
			endif()
			continue()
		endif()
		edge_is_allowed(${file} ${included} allowed)
		set(from ${rank/${file}})
		set(to ${rank/${included}})
		if(NOT to LESS from AND NOT included STREQUAL own_header AND NOT allowed)
			list(APPEND faults "${file} (rank ${from}) includes ${included} (rank ${to})")
		endif()
	endforeach()
	set(faults "${faults}" PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
	include(${TIDE_RANKS})
	set(faults "")
	set(files "")
	set(rank 0)
	while(DEFINED TIDE_RANK_${rank})
		foreach(file IN LISTS TIDE_RANK_${rank})
			set("rank/${file}" ${rank})
			list(APPEND files ${file})
		endforeach()
		math(EXPR rank "${rank} + 1")
	endwhile()
	foreach(file IN LISTS files)
		if(EXISTS ${TIDE_ROOT}/${file})
			check_file(${file})
		else()
			list(APPEND faults "${file} has a rank, but is not there")
		endif()
	endforeach()
	file(GLOB present RELATIVE ${TIDE_ROOT} ${TIDE_ROOT}/lib/*.[ch] ${TIDE_ROOT}/gc/*.[ch]
		${TIDE_ROOT}/lib/*/*.[ch])
	foreach(file IN LISTS present)
		if(NOT DEFINED "rank/${file}")
			list(APPEND faults "${file} has no rank")
		endif()
	endforeach()
	if(faults)
		list(JOIN faults "\n  " text)
		message(FATAL_ERROR "Include ranks (the lists are in CMakeLists.txt):\n  ${text}")
	endif()
endif()
