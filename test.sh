#!/bin/sh
# Build and run every test: with sanitizers, as people run it, and the fuzzers.
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
	cmake -S . -B "$dir" -G Ninja "$@" >"$dir.log" 2>&1 ||
		{ cat "$dir.log"; exit 1; }
	rm -f "$dir.log"
	cmake --build "$dir"
}

echo "Building with gcc, ASan and UBSan"
configure build-test -DPENSTOCK_SANITIZE=ON

echo "Building as people run it"
configure build-plain

fuzz=""
if command -v clang >/dev/null; then
	echo "Building the fuzzers with clang"
	configure build-fuzz -DCMAKE_C_COMPILER=clang -DPENSTOCK_SANITIZE=ON \
		-DPENSTOCK_FUZZ=ON
	fuzz="--fuzz build-fuzz"
fi

# shellcheck disable=SC2086 # two words or none
exec /usr/bin/python3 tests/run.py build-test --plain build-plain $fuzz "$@"
