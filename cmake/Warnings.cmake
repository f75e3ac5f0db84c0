# tide-warnings: for the core. tide-test-warnings: for code that includes Criterion's headers or does
# on purpose what must not be done.

set(tide_warnings_any -Wall -Wextra -Wundef -Wshadow -Wvla)
set(tide_warnings_c -Wmissing-prototypes -Wstrict-prototypes)
if(TIDE_WERROR)
	list(APPEND tide_warnings_any -Werror)
endif()

add_library(tide-test-warnings INTERFACE)
target_compile_options(tide-test-warnings INTERFACE
	${tide_warnings_any} "$<$<COMPILE_LANGUAGE:C>:${tide_warnings_c}>")

add_library(tide-warnings INTERFACE)
target_compile_options(tide-warnings INTERFACE -Wconversion -Wcast-qual)
target_link_libraries(tide-warnings INTERFACE tide-test-warnings)
