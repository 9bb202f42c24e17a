#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# up.sh - a private market with three providers: database, devnet, contract,
# registry with one image, market, providers, a tenant with tokens.
. "$(dirname "$0")/lib.sh"

"$top/demo/stop.sh" quiet
mkdir -p "$dir/log" "$dir/pid" "$dir/keys" "$dir/tenant-state"
chmod 755 "$dir"

step() { say "$(date +%T)  $*"; }

# The way to build/ must be open to the demo's user; a home directory is not.
if ! as_user test -x "$bin/gavel-market"; then
	die "user $user cannot reach $bin: check out under a directory that others may enter"
fi

step "1/7 a private PostgreSQL cluster"
$SUDO install -d -o "$user" -g "$user" -m 700 "$dir/pg" "$dir/pgsock"
if [ ! -s "$dir/pg/PG_VERSION" ]; then
	as_user "$pg_bin/initdb" -D "$dir/pg" -U gavel -A peer --no-sync -E UTF8 --locale=C.UTF-8 \
		>"$dir/log/initdb.log" 2>&1 || die "initdb failed; see $dir/log/initdb.log"
fi
if [ "$(id -u)" = 0 ]; then
	start postgres setpriv --reuid="$user" --regid="$user" --init-groups -- \
		"$pg_bin/postgres" -D "$dir/pg" -k "$dir/pgsock" -c listen_addresses= -c fsync=on
else
	start postgres sudo -u "$user" -- \
		"$pg_bin/postgres" -D "$dir/pg" -k "$dir/pgsock" -c listen_addresses= -c fsync=on
fi
wait_for 30 "PostgreSQL" as_user "$pg_bin/psql" -h "$dir/pgsock" -U gavel -d postgres -c 'select 1'
as_user "$pg_bin/createdb" -h "$dir/pgsock" -U gavel gavel
database="host=$dir/pgsock user=gavel dbname=gavel"

step "2/7 a local chain (anvil) with the escrow contract and a test token"
start anvil "$anvil" --port "$rpc_port" --host 127.0.0.1 --chain-id 31337 --silent
rpc=http://127.0.0.1:$rpc_port
rpc() { curl -sf -H 'Content-Type: application/json' --data "$1" "$rpc"; }
wait_for 20 "anvil" rpc '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
head -c 18 /dev/urandom | base64 >"$dir/keys/password"
for who in market tenant dc1 dc2 dc3; do
	"$bin/gavel-market" key new --password-file "$dir/keys/password" "$dir/keys/$who.json" \
		>"$dir/keys/$who.address"
	# Gas money: on a devnet it comes from nowhere.
	rpc "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"anvil_setBalance\",\"params\":[\"$(cat "$dir/keys/$who.address")\",\"0x3635c9adc5dea00000\"]}" >/dev/null
done
$SUDO chown -R "$user:$(id -gn)" "$dir/keys"
$SUDO chmod -R u=rwX,g=rX,o= "$dir/keys"
$SUDO "$bin/gavel-market" contract deploy --rpc "$rpc" --key "$dir/keys/market.json" \
	--password-file "$dir/keys/password" --bytecode "$top/build/contracts" --min-window 60 \
	>"$dir/contract.json" 2>"$dir/log/contract.log" || die "$(tail -1 "$dir/log/contract.log")"
escrow=$(member escrow <"$dir/contract.json")
token=$(member token <"$dir/contract.json")
start_block=$(member block <"$dir/contract.json")

step "3/7 the market"
cat >"$dir/market.yaml" <<END
listen: 127.0.0.1
port: $market_port
user: $user
database: "$database"
key_file: $dir/keys/market.json
password_file: $dir/keys/password
rpc_url: $rpc
chain_id: 31337
chain_start: $start_block
escrow: "$escrow"
token: "$token"
token_symbol: TUSD
token_decimals: 6
sql_dir: $top/sql/schema
openapi_file: $top/docs/openapi.yaml
fee_bps: 100
accept_ms: 1500
launch_s: ${GAVEL_DEMO_LAUNCH:-20}
established_launches: 0
in_book_s: 3
class_launches: 0
window_min_s: 60
settle_every_ms: ${GAVEL_DEMO_SETTLE:-2000}
settle_within_s: 0
chain_poll_ms: 25
confirmations: 0
${GAVEL_DEMO_MARKET:-}
END
as_user "$bin/gavel-market" -c "$dir/market.yaml" migrate 2>"$dir/log/migrate.log" ||
	die "$(tail -1 "$dir/log/migrate.log")"
start market $SUDO "$bin/gavel-market" -c "$dir/market.yaml"
url=http://127.0.0.1:$market_port
wait_for 20 "the market" curl -sf "$url/readyz"

step "4/7 a registry with an image made of busybox"
"$top/demo/image.sh" "$dir" "$registry_port"

step "5/7 three providers"
# Name, port, region, cpu price, uid range, network, ports: three rate cards.
provider() {
	cat >"$dir/$1.yaml" <<END
market_url: $url
listen: 127.0.0.1
port: $2
public_host: 127.0.0.1
endpoint_port_first: $3
endpoint_port_count: 100
user: $user
key_file: $dir/keys/$1.json
password_file: $dir/keys/password
state_dir: $dir/$1
run_dir: $dir/$1/run
tag: $1
network: $4
uid_base: $5
image_uid_base: $6
slots: 64
rpc_url: $rpc
chain_id: 31337
escrow: "$escrow"
token: "$token"
insecure_registries: ["127.0.0.1:$registry_port"]
# Three providers on one machine: what each sells is not what there is.
overcommit: {cpu_bp: 100000, memory_bp: 100000, storage_bp: 100000}
capacity: {cpu_milli: 4000, memory_bytes: 2147483648, storage_bytes: 8589934592, gpus: 0, endpoints: 50}
attributes:
  - {key: region, value: $7}
  - {key: tier, value: $8}
card: {cpu_milli: "$9", memory_mib: "10000000", storage_mib: "1000000", endpoint: "100000000"}
list_bp: 13000
meter_every_ms: ${GAVEL_DEMO_METER:-1000}
dns_port: $((base + 20 + ${1#dc}))
ingress_http: $((base + 30 + ${1#dc}))
ingress_domain: $1.localhost
ingress_routes: 64
ips: [127.0.1.${1#dc}]
accept_old_runc: true
accept_ram_disk: true
log_keep_s: ${GAVEL_DEMO_LOG_KEEP:-86400}
${GAVEL_DEMO_SETTINGS:-}
END
	$SUDO install -d -m 711 "$dir/$1"
	start "$1" $SUDO "$bin/gavel-provider" -c "$dir/$1.yaml"
}
provider dc1 $((base + 11)) $((base + 1000)) 10.86.0.0 1073741824 1069547520 eu-west silver 12000000
provider dc2 $((base + 12)) $((base + 1100)) 10.87.0.0 1082130432 1077936128 eu-west gold 15000000
provider dc3 $((base + 13)) $((base + 1200)) 10.88.0.0 1090519040 1086324736 us-east silver 9000000
three() { [ "$(curl -sf "$url/v1/providers" | grep -o '"online":true' | wc -l)" = 3 ]; }
wait_for 30 "the providers" three

step "6/7 a tenant with 100 test tokens, 50 of them in escrow"
cat >"$dir/tenant.yaml" <<END
market_url: $url
rpc_url: $rpc
key_file: $dir/keys/tenant.json
password_file: $dir/keys/password
END
XDG_STATE_HOME=$dir/tenant-state
export XDG_STATE_HOME
tenant -q faucet 100
tenant -q deposit 50
step "7/7 ready"
