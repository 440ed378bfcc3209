#!/bin/sh
# Build with sanitizers and run every test.
#
# usage: ./test.sh [--only WORD]...    (see tests/run.py)
set -eu
cd "$(dirname "$0")"

./install-deps.sh build test

configure() {
	dir=$1
	shift
	if command -v ccache >/dev/null; then
		set -- "$@" -DCMAKE_C_COMPILER_LAUNCHER=ccache
	fi
	cmake -S . -B "$dir" -G Ninja -DPENSTOCK_SANITIZE=ON "$@" >"$dir.log" 2>&1 ||
		{ cat "$dir.log"; exit 1; }
	rm -f "$dir.log"
}

echo "Building with gcc, ASan and UBSan"
configure build-test
cmake --build build-test

fuzz=""
if command -v clang >/dev/null; then
	echo "Building the fuzzers with clang"
	CC=clang configure build-fuzz -DPENSTOCK_FUZZ=ON
	cmake --build build-fuzz
	fuzz="--fuzz build-fuzz"
fi

# shellcheck disable=SC2086 # two words or none
exec /usr/bin/python3 tests/run.py build-test $fuzz "$@"
