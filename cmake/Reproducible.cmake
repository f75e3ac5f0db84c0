# The same sources give the same bytes, wherever they lie and whenever they are built: paths are
# relative to the tree, names that a compiler makes up come from the sources' own, archives have no
# dates (ar's D). What packages date themselves with is SOURCE_DATE_EPOCH.

# Also for what compiles when it links.
set(tide_same_paths
	-ffile-prefix-map=${PROJECT_BINARY_DIR}=build
	-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
add_compile_options(${tide_same_paths})
foreach(language C CXX)
	set(CMAKE_${language}_ARCHIVE_CREATE "<CMAKE_AR> qcD <TARGET> <LINK_FLAGS> <OBJECTS>")
	set(CMAKE_${language}_ARCHIVE_APPEND "<CMAKE_AR> qD <TARGET> <LINK_FLAGS> <OBJECTS>")
	set(CMAKE_${language}_ARCHIVE_FINISH "<CMAKE_RANLIB> -D <TARGET>")
endforeach()
