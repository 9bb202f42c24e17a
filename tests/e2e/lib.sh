# shellcheck shell=bash disable=SC2034,SC1091,SC2086
# SPDX-License-Identifier: Apache-2.0
# lib.sh - what the end-to-end scripts share. One of them sets what it wants of the
# demo (GAVEL_DEMO_*), sources this from the root, and reads as what it tests:
#
#	. tests/e2e/lib.sh NAME		its parts live in build/e2e-NAME
#	up				a market, three providers, a tenant with tokens
#	ok WHAT COMMAND...		the command succeeds
#	like WHAT TEXT PATTERN		the text matches
#	soon SECONDS COMMAND...		it succeeds by then, or three times as late
#	finish				the plan, and the exit status
#
# Each runs in namespaces of its own for the network, processes and mounts: its ports are
# free, its packet filter is nobody else's, pgrep finds its own, and whatever a killed
# script leaves behind goes with it. With GAVEL_DEMO_TAG its cgroups have a name of their
# own too, and scripts can run beside each other.

[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 77; }
if [ "${GAVEL_E2E_APART:-}" != yes ]; then
	# shellcheck disable=SC2016
	GAVEL_E2E_APART=yes exec unshare --net --pid --mount --fork --kill-child --mount-proc \
		sh -c 'ip link set lo up && exec "$@"' sh "tests/e2e/${0##*/}"
fi

script=$1
export GAVEL_TOP=$PWD GAVEL_DEMO_DIR=$PWD/build/e2e-$script
. demo/lib.sh
set +e
export XDG_STATE_HOME=$dir/tenant-state
tag=${GAVEL_DEMO_TAG:-}
url=http://127.0.0.1:$market_port
rpc_url=http://127.0.0.1:$rpc_port

# --- what a script may replace: what it ends itself; what a failure shows ---
cleanup() { :; }
why() { :; }
leave() {
	cleanup
	demo/stop.sh quiet >/dev/null 2>&1
}
trap leave EXIT
trap 'exit 1' TERM INT HUP

up() {
	if demo/up.sh >"build/e2e-$script.log" 2>&1; then
		sed "s/127.0.0.1:5000/127.0.0.1:$registry_port/" examples/web.yaml >"$dir/web.yaml"
		return
	fi
	echo "not ok 1 - the market comes up"
	tail -n 5 "build/e2e-$script.log" "$dir"/log/*.log | sed 's/^/# /'
	exit 1
}

# --- TAP ---
n=0 bad=0
passed() {
	n=$((n + 1))
	echo "ok $n - $1"
}
failed() { # failed WHAT, and on standard input what there is to see
	n=$((n + 1)) bad=1
	echo "not ok $n - $1"
	tail -n 12 | sed 's/^/# /'
	why
}
ok() {
	local what=$1
	shift
	if "$@" >"build/e2e-$script.out" 2>&1; then passed "$what"; else failed "$what" <"build/e2e-$script.out"; fi
}
like() {
	if grep -qE -- "$3" <<<"$2"; then passed "$1"; else failed "$1" <<<"$2
want: $3"; fi
}
finish() {
	echo "1..$n"
	exit $bad
}

# --- conditions ---
has() { # has PATTERN FILE
	grep -qE -- "$1" "$2" || { tail -n 8 "$2"; false; }
}
soon() {
	local tries=$(($1 * 15))
	shift
	while [ $tries -gt 1 ]; do
		"$@" >/dev/null 2>&1 && return 0
		tries=$((tries - 1))
		sleep 0.2
	done
	"$@"
}
sql() { as_user "$pg_bin/psql" -h "$dir/pgsock" -U gavel -d gavel -qAtc "$1"; }
sql_is() { # sql_is QUERY ANSWER
	local have
	have=$(sql "$1")
	[ "$have" = "$2" ] || { echo "have: $have"; false; }
}
escrow() { tenant -q --json balance "$(cat "$dir/keys/$1.address")" | member escrow; }

offers() { curl -sf "$url/v1/offers?limit=100"; }
until_offers() { # until_offers COUNT: how many stand, as soon as it is that many
	local try
	for try in {1..300}; do
		[ "$(offers | jq '.data | length')" = "$1" ] && break
		sleep 0.1
	done
	offers | jq -r '.data | length'
}
# An offer sets prices when it has stood for as long as the market's settings ask.
established() { sleep "$(($(sed -n 's/^in_book_s: //p' "$dir/market.yaml") + 1))"; }

# --- doing ---
rpc() { # rpc METHOD [PARAMS]
	curl -sf -H 'Content-Type: application/json' \
		--data "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":[${2:-}]}" "$rpc_url"
}
alive() { grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"; }
# kill_daemon NAME: kill -9 of its parent and all its roles, at one stroke: stopped
# first, for a role that sees another go ends in good order. Returns when they are gone.
kill_daemon() {
	local pid roles one
	pid=$(cat "$dir/pid/$1")
	roles=$(pgrep -P "$pid")
	kill -STOP "$pid" $roles 2>/dev/null
	kill -KILL "$pid" $roles 2>/dev/null
	for one in $pid $roles; do
		while alive "$one"; do sleep 0.02; done
	done
}
