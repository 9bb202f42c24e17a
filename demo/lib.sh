# shellcheck shell=sh disable=SC2034,SC1091
# SPDX-License-Identifier: Apache-2.0
# lib.sh - what the demo's scripts share: places, roots, starting and ending.
# Everything the demo makes is under build/demo and ends with demo/stop.sh.
set -eu

top=${GAVEL_TOP:-$(cd "$(dirname "$0")/.." && pwd)}
dir=${GAVEL_DEMO_DIR:-$top/build/demo}
bin=$top/build
tools=$top/lease/contracts/node_modules/@foundry-rs
anvil=$tools/anvil-linux-amd64/bin/anvil
pg_bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
user=gavel

# Ports of the demo: all on loopback. GAVEL_DEMO_PORT moves them together.
base=${GAVEL_DEMO_PORT:-8480}
market_port=$base
rpc_port=$((base + 1))
registry_port=$((base + 2))

if [ "$(id -u)" = 0 ]; then SUDO=; else SUDO=sudo; fi

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# start NAME COMMAND...: in the background, its output in NAME.log, its pid kept.
start() {
	name=$1
	shift
	setsid "$@" >"$dir/log/$name.log" 2>&1 </dev/null &
	echo $! >"$dir/pid/$name"
}

# A program that must run as the demo's unprivileged user.
as_user() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
	else
		sudo -u "$user" -- "$@"
	fi
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
	seconds=$1
	what=$2
	shift 2
	tries=$((seconds * 20))
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || die "$what did not come up in $seconds s; see $dir/log"
		sleep 0.05
	done
}

# end NAME: SIGTERM to the process whose pid we kept, and wait for it.
end() {
	[ -f "$dir/pid/$1" ] || return 0
	pid=$(cat "$dir/pid/$1")
	if $SUDO kill -0 "$pid" 2>/dev/null; then
		$SUDO kill -TERM "$pid" 2>/dev/null || true
		tries=200
		while $SUDO kill -0 "$pid" 2>/dev/null && [ $tries -gt 0 ]; do
			tries=$((tries - 1))
			sleep 0.05
		done
		$SUDO kill -KILL "$pid" 2>/dev/null || true
	fi
	rm -f "$dir/pid/$1"
}

tenant() { "$bin/gavel" -C "$dir/tenant.yaml" "$@"; }

# A member of a flat JSON object on standard input.
member() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\)\"\{0,1\}.*/\1/p" | head -1; }
