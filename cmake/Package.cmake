# Debian packages, made by cpack: libtide-preload0 (the shared library), libtide-dev, tide-tools.
# `sh cmake/package.sh` builds them as they are to be shipped.

if(NOT TIDE_INSTALL OR NOT TIDE_PROGRAMS OR TIDE_SANITIZE)
	return()
endif()
set(tide_runtime libtide-preload${PROJECT_VERSION_MAJOR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tide)
set(CPACK_PACKAGE_VENDOR "The Tide authors")
set(CPACK_PACKAGE_CONTACT "The Tide authors <tide@tide.invalid>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL preload dev tools)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_THREADS 1) # as xz cuts a file into as many pieces
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# What Debian asks for and other installations do without: documents, compressed pages.
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian/finish.cmake)

set(CPACK_COMPONENT_PRELOAD_DESCRIPTION
	"memory allocator in the place of malloc - shared library
Tide's threads allocate and free without locks or system calls; one more thread
merges what was freed and returns memory to the system.

This is the library that LD_PRELOAD puts under a program.")
set(CPACK_DEBIAN_PRELOAD_PACKAGE_NAME ${tide_runtime})
set(CPACK_DEBIAN_PRELOAD_PACKAGE_SECTION libs)
# cpack's own way with a shared library is a script that calls ldconfig; Debian's is a trigger. Which
# C library it needs is then to be said too: none older than the one it was built with.
execute_process(COMMAND getconf GNU_LIBC_VERSION OUTPUT_VARIABLE tide_libc)
string(REGEX MATCH "[0-9.]+" tide_libc "${tide_libc}")
set(CPACK_DEBIAN_PRELOAD_PACKAGE_DEPENDS "libc6 (>= ${tide_libc})")
configure_file(cmake/debian/shlibs.in debian/shlibs @ONLY)
set(CPACK_DEBIAN_PRELOAD_PACKAGE_CONTROL_EXTRA
	${PROJECT_BINARY_DIR}/debian/shlibs ${PROJECT_SOURCE_DIR}/cmake/debian/triggers)

set(CPACK_COMPONENT_DEV_DESCRIPTION
	"memory allocator in the place of malloc - development files
Tide's threads allocate and free without locks or system calls; one more thread
merges what was freed and returns memory to the system.

These are the headers, the libraries to link with, and their manual: malloc,
heaps with a limit, object caches, and a store for many entries.")
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libtide-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "${tide_runtime} (= ${PROJECT_VERSION}), libc6-dev")
set(CPACK_DEBIAN_DEV_PACKAGE_RECOMMENDS "liburcu-dev, pkg-config")

set(CPACK_COMPONENT_TOOLS_DESCRIPTION
	"memory allocator in the place of malloc - programs
Tide's threads allocate and free without locks or system calls; one more thread
merges what was freed and returns memory to the system.

These are the programs that put an allocator under load, compare allocators,
record what a program allocates and watch a running one; and a job server.")
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME tide-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "${tide_runtime} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_TOOLS_PACKAGE_RECOMMENDS "gnuplot-nox")

include(CPack)
