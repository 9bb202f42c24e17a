#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# quota.sh - what one party may have of a market at once: open orders of a tenant, and what
# its balance covers, also when all come in the same moment through several processes. TAP.
cd "$(dirname "$0")/../.." || exit 1
fsync=on
. tests/db/lib.sh
echo 'workers: 3' >>"$work/market.yaml"
# Commits that take a while: whoever does not wait for its turn reads what was before them.
sql 'alter role gavel set commit_delay = 30000' && sql 'alter role gavel set commit_siblings = 0'
serve
# many N FIRST COUNT OPTIONS...: orders of one person, all at once; their answers in $work/many.
many() {
	rm -rf "$work/many"
	mkdir "$work/many"
	person=$1 first=$2 count=$3
	shift 3
	for i in $(seq "$first" $((first + count - 1))); do
		sign order "$person" market="$market" nonce="$i" until=$(($(now) + 600)) window=60000 "$@" >"$work/many/$i.doc"
	done
	for i in $(seq "$first" $((first + count - 1))); do
		[ "$i" = "$first" ] || echo next
		printf 'url = "%s/v1/orders"\noutput = "%s.json"\nheader = "Idempotency-Key: %s"\ndata-binary = "@%s.doc"\n' \
			"$url" "$work/many/$i" "$i" "$work/many/$i"
	done >"$work/posts"
	curl -s -Z --parallel-immediate --parallel-max 60 -K "$work/posts" 2>/dev/null
}
codes() { cat "$work"/many/*.json | jq -r '.code // "placed"' | sort | uniq -c | awk '{ print $2, $1 }' | paste -sd' '; }
codes_are() {
	have=$(codes)
	[ "$have" = "$1" ] || { echo "have: $have"; false; }
}

fund "$(sign address 90)" 100000000
many 90 1 80 deposit=1000
ok 'of 80 orders at once 64 are placed' codes_are 'order_too_many 16 placed 64'
ok 'which is what the database has' sql_is "select count(*) from gavel.orders" 64
ok 'and the market says so' get_is /.well-known/gavel .rules.orders_open_max 64
placed=$(grep -l '"receipt"' "$work"/many/*.json | head -1)
again=$(basename "$placed" .json)
idem=$again post /v1/orders <"$work/many/$again.doc"
ok 'one of them again is no further one' says 201
refused=$(grep -l order_too_many "$work"/many/*.json | head -1)
refused=$(basename "$refused" .json)
idem=$refused post /v1/orders <"$work/many/$refused.doc"
ok 'a refused one again is refused again' says 413 order_too_many
ok 'and is told what to do' eval 'jq -r .detail "$work/answer" | grep -q "64 at most"'
curl -s -o "$work/answer" -X DELETE -H "Authorization: Bearer $(sign token 90 audience="$market" scope=close until=$(($(now) + 600)))" "$url/v1/orders/$(jq -r .id "$placed")"
ok 'one is taken back' soon 5 sql_is "select count(*) from gavel.orders where state = 'cancelled'" 1
idem=$refused post /v1/orders <"$work/many/$refused.doc"
ok 'so there is room for one' says 201
fund "$(sign address 91)" 1000000
place 91 1 deposit=1000
ok 'others were never in the way' says 201

# --- the same of money ------------------------------------------------------------------
fund "$(sign address 92)" 10999
many 92 1 30 deposit=1000
ok 'of 30 orders at once those are placed that the balance covers' codes_are 'funds_short 20 placed 10'
ok 'what is free is never below nothing' get_is "/v1/accounts/$(sign address 92)" .free 999
fund "$(sign address 92)" -5000
place 92 99 deposit=1000
ok 'withdrawn under open orders: the next one is refused' says 402 funds_short
ok '  by how much' eval 'jq -r .detail "$work/answer" | grep -q "is -4001$"'
ok '  and the market is there' get_is "/v1/accounts/$(sign address 92)" .free 0
echo "1..$n"
exit $bad
