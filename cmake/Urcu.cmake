# tide::urcu, what libtide-store.a needs of liburcu, where it is there. An installation's
# tide-config.cmake uses this file too.
#
# Libraries are named, not their files: a static program wants the archives.

find_path(TIDE_URCU_INCLUDE urcu/rculfhash.h)
find_library(TIDE_URCU_LIBRARY urcu-cds)
mark_as_advanced(TIDE_URCU_INCLUDE TIDE_URCU_LIBRARY)
if(TIDE_URCU_INCLUDE AND TIDE_URCU_LIBRARY AND NOT TARGET tide::urcu)
	get_filename_component(tide_urcu_folder ${TIDE_URCU_LIBRARY} DIRECTORY)
	add_library(tide::urcu INTERFACE IMPORTED)
	set_target_properties(tide::urcu PROPERTIES
		INTERFACE_LINK_LIBRARIES "urcu-cds;urcu-mb;urcu-common"
		INTERFACE_LINK_DIRECTORIES ${tide_urcu_folder})
endif()
