# TIDE_SANITIZE, for everything that is built. A sanitizer owns malloc, so the libraries that replace
# it are left out then. A finding ends the program: none can pass unnoticed.

if(TIDE_SANITIZE)
	set(tide_sanitize_options -fsanitize=${TIDE_SANITIZE} -fno-sanitize-recover=all
		-fno-omit-frame-pointer)
	add_compile_options(${tide_sanitize_options})
	add_link_options(${tide_sanitize_options})
endif()
