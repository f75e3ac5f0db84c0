# What must be on the machine besides a compiler; cmake/setup.sh installs it on Debian.

if(CMAKE_CROSSCOMPILING)
	include(CrossHeaders)
endif()

find_path(TIDE_CK_INCLUDE ck_pr.h)
if(NOT TIDE_CK_INCLUDE)
	message(FATAL_ERROR "ck_pr.h (Concurrency Kit) was not found: "
		"install the Debian package libck-dev")
endif()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
# Static probes are compiled in where the header is there.
find_path(TIDE_SDT_INCLUDE sys/sdt.h)

# The store's. An installation looks for it by the same file.
if(NOT TIDE_CORE_ONLY)
	include(${CMAKE_CURRENT_LIST_DIR}/Urcu.cmake)
	if(NOT TARGET tide::urcu)
		message(FATAL_ERROR "liburcu was not found: install the Debian package liburcu-dev")
	endif()
endif()

if(TIDE_TESTS AND NOT TIDE_PROGRAMS AND NOT TIDE_CORE_ONLY)
	message(FATAL_ERROR "The tests are about the programs as well: -DTIDE_PROGRAMS=ON")
endif()
if(TIDE_TESTS)
	find_path(TIDE_CRITERION_INCLUDE criterion/criterion.h)
	find_library(TIDE_CRITERION_LIBRARY criterion)
	# A cross build takes the macros alone; its tests have a runner of their own.
	if(NOT TIDE_CRITERION_INCLUDE OR NOT (TIDE_CRITERION_LIBRARY OR CMAKE_CROSSCOMPILING))
		message(FATAL_ERROR "Criterion was not found: "
			"install the Debian package libcriterion-dev, "
			"or build without tests (-DTIDE_TESTS=OFF)")
	endif()
endif()

if(TIDE_CORE_ONLY OR NOT TIDE_PROGRAMS)
	return()
endif()

find_path(TIDE_JANSSON_INCLUDE jansson.h)
find_library(TIDE_JANSSON_LIBRARY jansson)
if(NOT TIDE_JANSSON_INCLUDE OR NOT TIDE_JANSSON_LIBRARY)
	message(FATAL_ERROR "Jansson was not found: install the Debian package libjansson-dev")
endif()

find_path(TIDE_ZLIB_INCLUDE zlib.h)
find_library(TIDE_ZLIB_LIBRARY z)
if(NOT TIDE_ZLIB_INCLUDE OR NOT TIDE_ZLIB_LIBRARY)
	message(FATAL_ERROR "zlib was not found: install the Debian package zlib1g-dev")
endif()
