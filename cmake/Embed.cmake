# Texts put into a program. Included, this gives tide_embed(); run by
# `cmake -D OUTPUT=... -D FILES=... -P`, it writes the C source.
#
# tide_embed(<output> <file>...): <output> defines embedded_texts (stress/text_file.h), with a text
# for each file "NAME.KIND".

if(CMAKE_SCRIPT_MODE_FILE)
	cmake_policy(VERSION 3.22)
endif()

function(tide_embed output)
	set(script ${PROJECT_SOURCE_DIR}/cmake/Embed.cmake)
	add_custom_command(
		OUTPUT ${output}
		COMMAND ${CMAKE_COMMAND} -D OUTPUT=${output} -D "FILES=${ARGN}" -P ${script}
		DEPENDS ${ARGN} ${script}
		COMMENT "Embedding scenarios and distributions"
		VERBATIM)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
	set(source "/* Made by cmake/Embed.cmake. */\n#include \"text_file.h\"\n\n")
	string(APPEND source "const struct embedded embedded_texts[] = {\n")
	foreach(file IN LISTS FILES)
		get_filename_component(name ${file} NAME_WLE)
		get_filename_component(kind ${file} LAST_EXT)
		string(SUBSTRING "${kind}" 1 -1 kind)
		file(READ ${file} text)
		string(REPLACE "\\" "\\\\" text "${text}")
		string(REPLACE "\"" "\\\"" text "${text}")
		string(REPLACE "\n" "\\n\"\n\"" text "${text}")
		string(APPEND source "{ \"${kind}\", \"${name}\",\n\"${text}\" },\n")
	endforeach()
	string(APPEND source "{ 0, 0, 0 },\n};\n")
	file(WRITE ${OUTPUT} "${source}")
endif()
