# cmake -DOUT=FILE -DDIR=FOLDER -P embed.cmake
# Writes a C file with the text of each FOLDER/NAME.yaml, sorted by name.
file(GLOB files "${DIR}/*.yaml")
list(SORT files)
set(arrays "")
set(rows "")
set(count 0)
foreach(file IN LISTS files)
	cmake_path(GET file STEM name)
	file(READ "${file}" hex HEX)
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
	string(REGEX REPLACE "(................................................................................)"
	       "\\1\n" bytes "${bytes}")
	string(APPEND arrays
	       "static const unsigned char text_${count}[] = {\n${bytes}0\n};\n")
	string(APPEND rows "\t{ \"${name}\", text_${count}, "
	       "sizeof(text_${count}) - 1 },\n")
	math(EXPR count "${count} + 1")
endforeach()
file(WRITE "${OUT}" "/* Generated from policy/profiles/. */
#include \"policy/profile.h\"

${arrays}
const struct profile profiles[] = {
${rows}};
const size_t profiles_len = ${count};
")
