#!/bin/sh
# Install the Debian packages that are missing; Debian 12 and 13.
#
# usage: ./install-deps.sh [build|demo|test]...   (default: build)
#
# As root, or by sudo. With nothing missing it asks dpkg and is done.
set -eu

build="gcc libc6-dev cmake ninja-build pkg-config libssl-dev libnghttp2-dev
	libsqlite3-dev libedit-dev libc-ares-dev libyaml-dev libidn2-dev libpsl-dev
	libnftnl-dev libmnl-dev uthash-dev libcurl4-openssl-dev
	libpq-dev zlib1g-dev bubblewrap ca-certificates"
demo="curl git python3"
test="curl git git-lfs python3 wget clang libclang-rt-dev ccache libcmocka-dev openssl
	nginx nghttp2-client wrk iproute2 nftables python3-h2 sqlite3
	bsdutils util-linux procps python3-dnspython dnsperf dnsmasq-base
	gnutls-bin libnss3-tools chromium
	iptables zsh fish openssh-client openssh-server redis-tools ncat netcat-openbsd
	postgresql
	systemd-container podman runc"

case "$(. /etc/os-release && echo "${ID:-}${VERSION_ID:-}")" in
debian12)
	build="$build node-llhttp"
	# The versions that the format and the lints are written for.
	test="$test clang-format-14 clang-tidy-14"
	# Debian 13 has none.
	test="$test clickhouse-server"
	;;
debian13)
	build="$build libllhttp-dev"
	;;
*)
	echo "install-deps: not Debian 12 or 13; trying Debian 13's names" >&2
	build="$build libllhttp-dev"
	;;
esac

wanted=""
[ $# -gt 0 ] || set -- build
for set in "$@"; do
	case $set in
	build) wanted="$wanted $build" ;;
	demo) wanted="$wanted $demo" ;;
	test) wanted="$wanted $test" ;;
	*)
		echo "usage: $0 [build|demo|test]..." >&2
		exit 2
		;;
	esac
	# Whoever has node already, from wherever, keeps it.
	if [ "$set" != build ] &&
		{ ! command -v node || ! command -v npm; } >/dev/null 2>&1; then
		wanted="$wanted nodejs npm"
	fi
done

# shellcheck disable=SC2086 # words, all of them
present=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted \
	2>/dev/null | sed -n 's/^installed //p') || true
missing=""
for package in $wanted; do
	case " $missing " in *" $package "*) continue ;; esac
	printf '%s\n' "$present" | grep -qxF "$package" ||
		missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
	if command -v sudo >/dev/null 2>&1; then
		as_root="sudo"
	else
		echo "install-deps: these packages are missing, and only root" \
			"can install them:" >&2
		echo "  apt-get install --no-install-recommends$missing" >&2
		exit 1
	fi
fi

echo "Installing Debian packages:$missing"
apt() {
	# On a machine that has just started, another apt may be at work.
	# shellcheck disable=SC2086 # empty when we are root
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" </dev/null
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM
step() {
	printf '  %s ... ' "$1"
	shift
	if "$@" >"$log" 2>&1; then
		echo "done"
		return
	fi
	echo failed
	tail -n 30 "$log" >&2
	return 1
}

# One source of many may be out of reach without harm.
step "reading the package lists" apt update ||
	echo "  going on with the lists that are here"
# Of these the tests need the programs; servers that start by themselves are
# not what they were asked for. "systemctl unmask nginx" gives one back.
for pair in nginx:nginx.service openssh-server:ssh.service \
	podman:podman.socket podman:podman.service \
	postgresql:postgresql.service \
	clickhouse-server:clickhouse-server.service; do
	case "$missing " in *" ${pair%%:*} "*) ;; *) continue ;; esac
	unit=${pair#*:}
	if [ -d /run/systemd/system ] &&
		[ ! -e "/etc/systemd/system/$unit" ]; then
		step "masking $unit" $as_root ln -s /dev/null \
			"/etc/systemd/system/$unit"
	fi
done
# shellcheck disable=SC2086 # words, all of them
step "installing, a minute or two" apt install --no-install-recommends $missing
