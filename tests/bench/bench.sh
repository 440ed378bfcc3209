#!/bin/sh
# Measure Penstock beside nginx doing the same cryptographic work, in one run.
#
# usage: tests/bench/bench.sh [PEER]...    (default: nginx penstock)
#
# PEER is a file in tests/bench/peers. Needs root (namespaces), a build in
# build/ (or PENSTOCK_BIN) and the packages of `install-deps.sh build test`.
# ROUNDS=3, SECS=6 and WORKLOADS="h1 h2 …" may be set. Everything happens in
# namespaces of its own; figures are only good on a machine that does nothing
# else, and only as ratios within one run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "bench: needs root" >&2; exit 1; }
PENSTOCK_BIN=${PENSTOCK_BIN:-$(cd "$here/../.." && pwd)/build/bin}
export PENSTOCK_BIN
[ -x "$PENSTOCK_BIN/penstock" ] || {
	echo "bench: no $PENSTOCK_BIN/penstock; build it first:" \
		"cmake -S . -B build -G Ninja && cmake --build build" >&2
	exit 1
}
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -H -n)"
exec unshare --net --mount --pid --fork --kill-child --mount-proc \
	/usr/bin/python3 "$here/bench.py" "$@"
