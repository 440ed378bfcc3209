#!/bin/sh
# Measure the ledger: what a row costs to write, to enter and to keep, how long
# filters take among ROWS of them, and, as root, what the ledger's writer takes
# of the gateway's CPU at full load.
#
# usage: tests/bench/audit_bench.sh BUILD [ROWS]    (10,000,000)
#
# BUILD is a directory that cmake has built, with tests. Takes a few minutes
# and a gigabyte of TMPDIR for ten million rows. SECS=20 and ROUNDS=2 are of
# the second part.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd)
rows=${2:-10000000}
cmake --build "$build" --target audit_bench >&2
dir=$(mktemp -d)
spools=$(mktemp -d -p /dev/shm)
trap 'rm -rf "$dir" "$spools"' EXIT
trap 'exit 1' INT TERM
"$build/bin/audit_bench" "$rows" "$dir" "$spools"
rm -rf "$dir"
if [ "$(id -u)" != 0 ]; then
	echo "not root: the gateway under full load is left out"
	exit 0
fi
# The chain follows some seconds behind: a short run would not show its cost.
export SECS="${SECS:-20}" ROUNDS="${ROUNDS:-2}" WORKLOADS="h1 h2 conn10"
PENSTOCK_BIN="$build/bin" "$here/bench.sh" penstock
