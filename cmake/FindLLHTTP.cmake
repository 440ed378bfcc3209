# Finds llhttp and defines LLHTTP::LLHTTP.
#
# Debian 13 ships a library (libllhttp-dev). Debian 12 ships its C sources in
# node-llhttp; they are compiled here, strict: the loose state machine, which
# is that version's default, accepts what a gateway must refuse.
include(FindPackageHandleStandardArgs)

find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include
	  PATH_SUFFIXES llhttp)
find_library(LLHTTP_LIBRARY NAMES llhttp)
find_path(LLHTTP_SOURCE_DIR NAMES llhttp.c PATHS /usr/share/llhttp)

if(LLHTTP_INCLUDE_DIR)
	set(_version "")
	foreach(_part MAJOR MINOR PATCH)
		file(STRINGS "${LLHTTP_INCLUDE_DIR}/llhttp.h" _line
		     REGEX "^#define LLHTTP_VERSION_${_part} +[0-9]+")
		string(REGEX MATCH "[0-9]+$" _number "${_line}")
		list(APPEND _version "${_number}")
	endforeach()
	list(JOIN _version "." LLHTTP_VERSION)
endif()

if(LLHTTP_LIBRARY)
	set(_form LLHTTP_LIBRARY)
else()
	set(_form LLHTTP_SOURCE_DIR)
endif()
find_package_handle_standard_args(LLHTTP
	REQUIRED_VARS ${_form} LLHTTP_INCLUDE_DIR
	VERSION_VAR LLHTTP_VERSION)

if(LLHTTP_FOUND AND NOT TARGET LLHTTP::LLHTTP)
	if(LLHTTP_LIBRARY)
		add_library(LLHTTP::LLHTTP UNKNOWN IMPORTED)
		set_target_properties(LLHTTP::LLHTTP PROPERTIES
			IMPORTED_LOCATION "${LLHTTP_LIBRARY}"
			INTERFACE_INCLUDE_DIRECTORIES "${LLHTTP_INCLUDE_DIR}")
	else()
		add_library(llhttp_strict STATIC
			"${LLHTTP_SOURCE_DIR}/api.c"
			"${LLHTTP_SOURCE_DIR}/http.c"
			"${LLHTTP_SOURCE_DIR}/llhttp.c")
		# PUBLIC: the header looks at the macro too, and http/h1.c
		# refuses to compile without it.
		target_compile_definitions(llhttp_strict
					   PUBLIC LLHTTP_STRICT_MODE=1)
		target_include_directories(llhttp_strict SYSTEM
					   PUBLIC "${LLHTTP_INCLUDE_DIR}")
		target_compile_options(llhttp_strict PRIVATE -w)
		set_target_properties(llhttp_strict PROPERTIES C_CLANG_TIDY "")
		add_library(LLHTTP::LLHTTP ALIAS llhttp_strict)
	endif()
endif()
mark_as_advanced(LLHTTP_INCLUDE_DIR LLHTTP_LIBRARY LLHTTP_SOURCE_DIR)
