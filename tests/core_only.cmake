# Tests of a build of the core alone, besides its units: programs that have libtide.a for their
# malloc, statically linked, so that the allocator is there before the C library has started.

enable_language(CXX)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g")

foreach(source override/test_single_thread.c override/test_family.c override/operators.cpp
		override/containers.cpp)
	tide_test_program(override ${source} program)
	get_filename_component(name ${source} NAME_WE)
	target_compile_options(${program} PRIVATE -fno-builtin -fno-allocation-dce)
	target_link_libraries(${program} PRIVATE tide)
	target_link_options(${program} PRIVATE -static)
	tide_add_test(override ${name} ${program})
endforeach()
