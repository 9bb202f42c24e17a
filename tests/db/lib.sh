# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# lib.sh - sourced by the tests of this directory that need a market: a throw-away
# PostgreSQL, a node of anvil, settings, one served. People are numbers: sign.c.
# Before it, optionally: contract=yes for a real escrow contract. After it a test may
# add to $work/market.yaml, put pids of its own programs into $pids, which end with it,
# and define explain, whose output is shown after a check that failed.
export GAVEL_TOP=$PWD
. demo/lib.sh
. tests/db/ports.sh
set +e
[ "$(id -u)" = 0 ] && [ -x "$anvil" ] && [ -x "${BUILD:-build}/tests/db/sign" ] && command -v jq >/dev/null ||
	{ echo "1..0 # SKIP needs root, anvil, jq and the signer"; exit 77; }
work=$(mktemp -d)
chmod 755 "$work"
mkdir "$work/d" && chown "$user" "$work" "$work/d"
port=$(free_ports) || exit 1
rpc_port=$((port + 2))
n=0 bad=0
ok() { # ok WHAT CONDITION...
	what=$1
	shift
	n=$((n + 1))
	if "$@" >"$work/out" 2>&1; then echo "ok $n - $what"; else
		echo "not ok $n - $what"
		tail -5 "$work/out" | sed 's/^/# /'
		[ ! -f "$work/answer" ] || { head -c 300 "$work/answer" | sed 's/^/# /'; echo; }
		! declare -F explain >/dev/null || explain | sed 's/^/# /'
		bad=1
	fi
}
soon() { # soon SECONDS CONDITION...: or three times as late, on a slow machine
	tries=$(($1 * 30))
	shift
	while [ $tries -gt 0 ]; do
		"$@" >/dev/null 2>&1 && return 0
		tries=$((tries - 1))
		sleep 0.1
	done
	"$@"
}
sql() { as_user "$pg_bin/psql" -h "$work/d" -U gavel -d gavel -qAtc "$1"; }
sql_is() {
	have=$(sql "$1")
	[ "$have" = "$2" ] || { echo "have: $have"; false; }
}
rpc() {
	curl -sf -H 'Content-Type: application/json' \
		--data "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":[${2:-}]}" "http://127.0.0.1:$rpc_port"
}
as_user "$pg_bin/initdb" -D "$work/d/pg" -U gavel -A trust --no-sync -E UTF8 --locale=C.UTF-8 >/dev/null 2>&1
as_user "$pg_bin/pg_ctl" -D "$work/d/pg" -w -l "$work/d/log" \
	-o "-k $work/d -c listen_addresses= -c fsync=${fsync:-off}" start >/dev/null 2>&1
as_user "$pg_bin/createdb" -h "$work/d" -U gavel gavel
"$anvil" --port "$rpc_port" --silent --chain-id 31337 ${block_time:+--block-time $block_time} &
anvil_pid=$!
market_pid='' pids=
cleanup() {
	[ -z "$market_pid" ] || kill "$market_pid" 2>/dev/null
	kill -9 "$anvil_pid" $pids 2>/dev/null
	as_user "$pg_bin/pg_ctl" -D "$work/d/pg" -m immediate stop >/dev/null 2>&1
	[ -z "${KEEP:-}" ] || cp -r "$work" "$KEEP"
	rm -rf "$work"
}
trap cleanup EXIT
soon 10 rpc eth_chainId
echo password >"$work/password"
market=$("$bin/gavel-market" key new --password-file "$work/password" "$work/key.json")
escrow=0x00000000000000000000000000000000000000e5
token=$escrow
if [ -n "${contract:-}" ]; then
	rpc anvil_setBalance "\"$market\",\"0x3635c9adc5dea00000\"" >/dev/null
	"$bin/gavel-market" contract deploy --rpc "http://127.0.0.1:$rpc_port" --key "$work/key.json" \
		--password-file "$work/password" --bytecode build/contracts --min-window 60 >"$work/contract.json" 2>/dev/null
	escrow=$(member escrow <"$work/contract.json")
	token=$(member token <"$work/contract.json")
fi
chown "$user" "$work/key.json" "$work/password"
cat >"$work/market.yaml" <<END
listen: 127.0.0.1
port: $port
user: $user
database: "host=$work/d user=gavel dbname=gavel"
key_file: $work/key.json
password_file: $work/password
rpc_url: http://127.0.0.1:$rpc_port
chain_id: 31337
escrow: "$escrow"
token: "$token"
token_symbol: TUSD
sql_dir: $PWD/sql/schema
chain_poll_ms: 100
confirmations: 0
settle_every_ms: 300
settle_within_s: 0
window_min_s: 60
accept_ms: ${accept_ms:-60000}
launch_s: ${launch_s:-30}
END
as_user "$bin/gavel-market" -c "$work/market.yaml" migrate 2>/dev/null
url=http://127.0.0.1:$port
serve() {
	"$bin/gavel-market" -c "$work/market.yaml" >>"$work/log" 2>&1 &
	market_pid=$!
	soon 10 curl -sf "$url/readyz"
}
stop_market() { # as an operator would
	[ -z "$market_pid" ] || { kill "$market_pid"; wait "$market_pid" 2>/dev/null; }
	market_pid=
}
kill_market() { # for good: the parent and all roles
	kill -9 "$market_pid" $(pgrep -P "$market_pid") 2>/dev/null
	wait "$market_pid" 2>/dev/null
	market_pid=
}
sign() { "${BUILD:-build}/tests/db/sign" "$escrow" "$@"; }
# post PATH: a body from stdin; the answer is in $work/answer, its status in $status.
post() {
	status=$(curl -s -o "$work/answer" -w '%{http_code}' -H "Idempotency-Key: ${idem:-$RANDOM$RANDOM}" \
		${bearer:+-H "Authorization: Bearer $bearer"} --data-binary @- "$url$1")
}
says() { # says STATUS CODE: of the last answer
	[ "$status" = "$1" ] && { [ -z "${2:-}" ] || [ "$(jq -r .code "$work/answer")" = "$2" ]; }
}
get() { curl -s "$url$1"; }
get_is() { # get_is PATH FILTER WANT
	have=$(get "$1" | jq -rc "$2")
	[ "$have" = "$3" ] || { echo "have: $have"; false; }
}
now() { date +%s; }
lower() { echo "$1" | tr A-F a-f; }
fund() { # fund ADDRESS UNITS: as if the chain had said so
	sql "with said as (
		insert into gavel.chain_event (block, block_hash, tx_hash, log_index, kind, account, at)
		values (0, sha256('$1 $RANDOM'), sha256('$1 $RANDOM$RANDOM'), 0, 'Deposited', '\\x${1#0x}', 0) returning seq)
		insert into gavel.ledger_entry (event, account, amount)
		select seq, 'balance:$(lower "$1")', $2 from said union all select seq, 'world', -($2) from said" >/dev/null
}
register() { # register N...: and seen now, so that it is invited
	for i in "$@"; do
		sign provider "$i" seq="$(date +%s%N)" >"$work/doc"
		post /v1/providers <"$work/doc"
	done
}
bearer_of() { sign token "$1" audience="$market" until=$(($(now) + 600)); }
# place N NONCE OPTIONS...: a person's order; its id is in $order, its hash in $hash.
place() {
	who=$1 nonce=$2
	shift 2
	sign order "$who" market="$market" nonce="$nonce" until=$(($(now) + ${ttl:-600})) "$@" >"$work/doc"
	post /v1/orders <"$work/doc"
	order=$(jq -r .id "$work/answer")
	hash=$(jq -r .hash "$work/answer")
}
state_is() { get_is "/v1/orders/$order" .state "$1"; }
round_key() { get "/v1/orders/$order/rounds/${1:-1}" | jq -r .key; }
bid() { # bid N OPTIONS...: to the order
	who=$1
	shift
	sign bid "$who" order_id="$order" order="$hash" key="$(round_key "${round:-1}")" round="${round:-1}" "$@" >"$work/doc"
	bearer=$(bearer_of "$who") post /v1/bids <"$work/doc"
}
award_of() { sql "select data from gavel.event where type = 'order.awarded' and subject = '$order' order by seq desc limit 1"; }
accept() { # accept N: the award of the order
	award_of | sign accept "$1" >"$work/doc"
	post /v1/leases <"$work/doc"
}
launch() { # launch N LEASE_HASH HEALTHY [ERROR]
	printf '{"lease":"%s","healthy":%s%s,"endpoints":[]}' "$2" "$3" "${4:+,\"error\":\"$4\"}" >"$work/doc"
	bearer=$(bearer_of "$1") post /v1/launches <"$work/doc"
}
