# `cmake -D IN=PAGE.in -D OUT=PAGE -D OPTIONS=FILE -D PROJECT_VERSION=V -P`: one page of the manual.
cmake_policy(VERSION 3.22)
file(READ ${OPTIONS} OPTIONS_TABLE)
# As tide-run has them: TIDE_DECAY_MS is --decay-ms.
set(OPTIONS_FLAGS "${OPTIONS_TABLE}")
string(REGEX MATCHALL "\n[.]B TIDE_[A-Z_]+\n" names "${OPTIONS_TABLE}")
foreach(name IN LISTS names)
	string(REGEX REPLACE "^\n[.]B TIDE_|\n$" "" flag "${name}")
	string(TOLOWER "${flag}" flag)
	string(REPLACE "_" "\\-" flag "${flag}")
	string(REPLACE "${name}" "\n.B \\-\\-${flag}\n" OPTIONS_FLAGS "${OPTIONS_FLAGS}")
endforeach()
configure_file(${IN} ${OUT} @ONLY)
