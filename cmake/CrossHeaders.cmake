# Headers of libraries that are headers alone, from the machine that builds to a cross build.
#
# Where they lie, in /usr/include, is also the builder's C library, which must not be seen: so links
# to them are made in a folder of the build's own. Concurrency Kit's package has the headers of all
# processors. Only ck_md.h in it is about one, the builder's: it tells ck's fences that memory order
# is strong, and lib/atomic.h uses none of them. Of Criterion, the tests take the macros only.

set(tide_cross_headers ${PROJECT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${tide_cross_headers})
file(GLOB headers /usr/include/ck_*.h)
foreach(header ${headers} /usr/include/gcc /usr/include/criterion)
	if(EXISTS ${header})
		get_filename_component(name ${header} NAME)
		file(CREATE_LINK ${header} ${tide_cross_headers}/${name} SYMBOLIC)
	endif()
endforeach()
find_path(TIDE_CK_INCLUDE ck_pr.h PATHS ${tide_cross_headers} NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
find_path(TIDE_CRITERION_INCLUDE criterion/criterion.h
	PATHS ${tide_cross_headers} NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
include_directories(SYSTEM ${tide_cross_headers})
