# Tests of a build of the core alone, besides its units: programs that have libtide.a for their
# malloc, statically linked, so that the allocator is there before the C library has started.
#
# Label `emulated`: those that cmake/test.sh runs when the build is for another processor. Left out
# are tests that an emulator makes minutes of, and those about what it does in its own way: limits of
# address space, addresses asked for, signals and their records, user namespaces, fork with threads.

enable_language(CXX)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g")

foreach(source override/test_family.c override/operators.cpp)
	tide_test_program(override ${source} program)
	get_filename_component(name ${source} NAME_WE)
	target_compile_options(${program} PRIVATE -fno-builtin -fno-allocation-dce)
	target_link_libraries(${program} PRIVATE tide)
	target_link_options(${program} PRIVATE -static)
	tide_add_test(override ${name} ${program})
endforeach()

if(CMAKE_CROSSCOMPILING)
	list(GET CMAKE_CROSSCOMPILING_EMULATOR 0 emulator)
	tide_add_test(aarch64 pages sh ${CMAKE_CURRENT_SOURCE_DIR}/aarch64/pages.sh
		${emulator} $<TARGET_FILE:test_family>)
	tide_add_test(aarch64 order sh ${CMAKE_CURRENT_SOURCE_DIR}/aarch64/order.sh
		${CMAKE_OBJDUMP} $<TARGET_FILE:tide-core>)
	target_compile_options(test_doorbell PRIVATE
		-include ${CMAKE_CURRENT_SOURCE_DIR}/aarch64/emulated.h)
	set_property(TEST
		aarch64/pages aarch64/order
		lib/test_cache lib/test_checked lib/test_classes lib/test_doorbell lib/test_frontier
		lib/test_garbage lib/test_heap lib/test_meta lib/test_options lib/test_orphan
		lib/test_os_file lib/test_os_thread lib/test_pool lib/test_slow lib/test_stack
		lib/test_text lib/test_token lib/test_vanish
		gc/test_drain gc/test_loop gc/test_policy gc/test_refill gc/test_release gc/test_slabset
		api/test_aligned api/test_heap api/test_object_cache
		life/test_idle
		override/test_family override/operators
		APPEND PROPERTY LABELS emulated)
endif()
