# The same sources give the same bytes, wherever they lie and whenever they are built: paths are
# relative to the tree, names that a compiler makes up come from the sources' own, archives have no
# dates (ar's D). What packages date themselves with is SOURCE_DATE_EPOCH.

add_compile_options(
	-ffile-prefix-map=${PROJECT_BINARY_DIR}=build
	-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
foreach(language C CXX)
	set(CMAKE_${language}_ARCHIVE_CREATE "<CMAKE_AR> qcD <TARGET> <LINK_FLAGS> <OBJECTS>")
	set(CMAKE_${language}_ARCHIVE_APPEND "<CMAKE_AR> qD <TARGET> <LINK_FLAGS> <OBJECTS>")
	set(CMAKE_${language}_ARCHIVE_FINISH "<CMAKE_RANLIB> -D <TARGET>")
endforeach()
