# Run by `cmake --install`, when the prefix is known: with --prefix it is
# another than the one of the configuration. What depends on it is here.
# In: SOURCE, BUILD, BINDIR, DATADIR.

# A unit names its programs by their full paths.
foreach(name penstock.service penstock-capture.service)
	file(READ "${SOURCE}/systemd/${name}" unit)
	string(REPLACE "/usr/bin/penstock"
	       "${CMAKE_INSTALL_PREFIX}/${BINDIR}/penstock" unit "${unit}")
	file(WRITE "${BUILD}/systemd/${name}" "${unit}")
	file(INSTALL "${BUILD}/systemd/${name}"
	     DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system")
endforeach()

# Where Debian's zsh looks, below /usr and below /usr/local.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
	set(completions vendor-completions)
else()
	set(completions site-functions)
endif()
file(INSTALL "${SOURCE}/cli/completion/_penstock"
     DESTINATION "${CMAKE_INSTALL_PREFIX}/${DATADIR}/zsh/${completions}")
