#!/bin/sh
# Measure the gateway's DNS beside dnsmasq, with dnsperf, in one run.
#
# usage: tests/bench/dns_bench.sh [SECONDS]
#
# Needs root, a build in build/ (or PENSTOCK_BIN), and the packages dnsperf and
# dnsmasq-base. Both answer the same questions from one process with local
# data. The gateway's come through a sandbox: nftables, a judgement by rules,
# an address of its own for each name. What counts is the last column; the
# one before it depends on what else runs here.
set -eu
secs=${1:-5}
bin=${PENSTOCK_BIN:-$(cd "$(dirname "$0")/../.." && pwd)/build/bin}
if [ "${DNS_BENCH:-}" != staged ]; then
	[ "$(id -u)" = 0 ] || { echo "dns_bench: needs root" >&2; exit 1; }
	DNS_BENCH=staged exec unshare --net --mount --pid --fork \
		--kill-child --mount-proc "$0" "$@"
fi
dir=$(mktemp -d)
up=
trap 'kill $up 2>/dev/null; wait; rm -rf "$dir"' EXIT
ip link set lo up
mkdir "$dir/run" "$dir/state" "$dir/config" "$dir/project"
export HOME="$dir" PENSTOCK_RUN_DIR="$dir/run" \
	PENSTOCK_STATE_DIR="$dir/state" PENSTOCK_CONFIG_DIR="$dir/config"

# 1000 names, for both families.
i=0
while [ $i -lt 1000 ]; do
	echo "host-$i.bench.test A"
	echo "host-$i.bench.test AAAA"
	i=$((i + 1))
done > "$dir/project/questions"
ticks=$(getconf CLK_TCK)

# The processor time of a process, in ticks.
cpu() {
	sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

# NAME PID COMMAND…: what dnsperf says, against what PID used meanwhile.
measure() {
	name=$1 pid=$2
	shift 2
	before=$(cpu "$pid")
	"$@" > "$dir/out" 2>&1 || { cat "$dir/out"; exit 1; }
	used=$(($(cpu "$pid") - before))
	awk -v name="$name" -v used="$used" -v ticks="$ticks" '
		/Queries completed/ { done = $3 }
		/Queries lost/ { lost = $3 }
		/Queries per second/ { qps = $4 }
		/Average Latency/ { latency = $4 * 1e6 }
		END {
			printf "%-10s %9d %6d %9.0f %9.0f %12.0f\n", name,
				done, lost, latency, qps,
				used ? done / (used / ticks) : 0
		}' "$dir/out"
}

ask="dnsperf -d questions -l $secs -c 8 -q 256"
cd "$dir/project"
printf '%-10s %9s %6s %9s %9s %12s\n' "" answers lost "mean us" per-s per-core-s

dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --port=5300 \
	--listen-address=127.0.0.1 --bind-interfaces --user=root \
	--address=/bench.test/198.18.0.1 --address=/bench.test/fd00::1 \
	> "$dir/dnsmasq.log" 2>&1 &
up=$!
sleep 0.5
measure dnsmasq "$up" $ask -s 127.0.0.1 -p 5300
kill "$up"
wait "$up" 2>/dev/null || true

echo "workers: 1" > "$dir/config/penstock.yaml"
"$bin/penstock" up > "$dir/up.log" 2>&1 &
up=$!
i=0
until "$bin/penstock" status > /dev/null 2>&1; do
	i=$((i + 1))
	[ $i -lt 100 ] || { cat "$dir/up.log"; exit 1; }
	sleep 0.1
done
parent=$(pgrep -P "$up" penstock-gatew)
measure penstock "$(pgrep -P "$parent")" "$bin/penstock" run \
	--allow 'any *.bench.test' -- $ask -s 192.0.2.1
