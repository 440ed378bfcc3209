#!/bin/sh
# Build Penstock and see it at work.
#
# usage: ./quickstart.sh                a guided first run
#        ./quickstart.sh -- COMMAND...  run COMMAND in a sandbox
#
# The guided run keeps everything of its own in a scratch directory and leaves
# nothing behind but build/.
set -eu
top=$(cd "$(dirname "$0")" && pwd)
penstock=$top/build/bin/penstock

case ${1-} in
"") set -- ;;
--) [ $# -gt 1 ] || { echo "quickstart: -- what?" >&2; exit 2; } ;;
*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

build() {
	[ -f "$top/build/build.ninja" ] ||
		cmake -S "$top" -B "$top/build" -G Ninja -DPENSTOCK_TESTS=OFF
	if [ ! -x "$penstock" ]; then
		cmake --build "$top/build"
		return
	fi
	# Built before: a few seconds at most, so only a failure is shown.
	log=$(cmake --build "$top/build" -- --quiet) || {
		printf '%s\n' "$log"
		exit 1
	}
}

say() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }

if [ $# -gt 0 ]; then
	shift
	"$top/install-deps.sh" build >&2
	build >&2
	exec "$penstock" run -- "$@"
fi

say "1. Packages and build"
"$top/install-deps.sh" build demo
build

# --- A scratch directory, and what lives in it ---------------------------

scratch=$(mktemp -d)
git_server=""
end() {
	"$penstock" down >/dev/null 2>&1 || true
	[ -z "$git_server" ] || kill "$git_server" 2>/dev/null || true
	rm -rf "$scratch"
}
trap end EXIT
trap 'exit 130' INT TERM
export PENSTOCK_RUN_DIR="$scratch/run"
export PENSTOCK_STATE_DIR="$scratch/state"
export PENSTOCK_CONFIG_DIR="$scratch/config"
export npm_config_cache="$scratch/npm"
mkdir "$scratch/project"
cd "$scratch/project"

# A repository on this machine; the sandbox reaches it by a name of ours.
git init -q -b main "$scratch/work"
git -C "$scratch/work" -c user.name=demo -c user.email=demo@example.com \
	commit -q --allow-empty -m "begin"
git clone -q --bare "$scratch/work" "$scratch/git/demo.git"
python3 "$top/tests/e2e/git_server.py" "$scratch/git" 127.0.0.1 0 \
	>"$scratch/port" 2>"$scratch/git.log" &
git_server=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
	[ -s "$scratch/port" ] && break
	sleep 0.2
done
port=$(cat "$scratch/port")
repository="http://host.penstock.internal:$port/demo.git"

# Whichever registry npm uses here. It may be a mirror inside: "private".
registry=$(npm config get registry 2>/dev/null)
registry=${registry%/}

policy=$scratch/policy.yaml
cat >"$policy" <<EOP
allow:
  - GET $registry/is-number private
  - git:read http://host.penstock.internal:$port/* private
EOP

# --- Commands in a sandbox, under that policy ----------------------------

failed=""
# demo WANTED-STATUS COMMAND...: run it, show it, and note a surprise. An
# output that should hold a word is checked by the caller, in $scratch/out.
demo() {
	wanted=$1
	shift
	printf '\n$ penstock run --policy policy.yaml -- %s\n' "$*"
	status=0
	"$penstock" run --policy "$policy" -- "$@" >"$scratch/out" 2>&1 ||
		status=$?
	sed 's/^/  /' "$scratch/out"
	[ "$status" = "$wanted" ] || {
		echo "  (exit status $status, expected $wanted)"
		failed="$failed; $1 ended with $status"
	}
}
expect() {
	grep -q -- "$1" "$2" || failed="$failed; no '$1' in the output"
}

say "2. A policy: two rules, and everything else is refused"
sed 's/^/  /' "$policy"

say "3. What it allows works as ever, inside a sandbox without any other way out"
demo 0 curl -sS -o /dev/null -w '%{http_code}\n' "$registry/is-number"
expect 200 "$scratch/out"
demo 0 npm view --registry="$registry/" is-number version
expect '[0-9]\.[0-9]' "$scratch/out"
demo 0 git ls-remote "$repository"
expect refs/heads/main "$scratch/out"

say "4. What it does not allow is refused, and the refusal says what to do"
demo 0 curl -sS "$registry/left-pad"
expect "GET $registry/left-pad" "$scratch/out"

say "5. Every decision is in the ledger"
printf '\n$ penstock log --all\n'
"$penstock" log --all >"$scratch/log" || failed="$failed; no ledger"
sed 's/^/  /' "$scratch/log"
"$penstock" log --all --json >"$scratch/rows" || failed="$failed; no rows"
expect is-number "$scratch/rows"
expect git-upload-pack "$scratch/rows"
expect left-pad "$scratch/rows"

if [ -n "$failed" ]; then
	say "Not as it should be: ${failed#; }"
	exit 1
fi
say "It works. What next?"
cat <<'EOT'
  ./quickstart.sh -- bash                  a shell in a sandbox, all refused
  build/bin/penstock run --policy npm -- npm install
                                           a profile that we ship
  build/bin/penstock log                   what was refused or failed
  README.md, docs/                         everything else
EOT
