#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tidy.sh - what grep can see of the house: doors that stay single, arrows that
# point down, taste that a machine keeps. TAP.
cd "$(dirname "$0")/.." || exit 1
n=0 bad=0

# none WHAT LINES: the rule holds when LINES is empty.
none() {
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '%s\n' "$2" | head -10 | sed 's/^/# /'
		bad=1
	fi
}

code='lib deploy lease market provider tenant'
# door HEADER FILES: only FILES may include HEADER.
door() {
	none "$1 only in $2" "$(grep -rnE "#include <$1" $code | grep -vE "^($2):")"
}
door 'libpq-fe' 'lib/db.c'
door 'yajl/' 'lib/json.c'
door 'event2/http' 'lib/http.c'
door 'curl/' 'lib/fetch.c'
door 'wslay/' 'lib/ws.c'
door 'archive' 'lib/tar.c|provider/jail/untar.c'
door 'libfyaml' 'lib/yaml.c'
door 'yaml.h>' 'lib/yaml_tree.c'
door 'secp256k1' 'lease/key.c'
door 'sodium' 'lease/seal.c'
door 'sqlite3' 'provider/book_db.c'
none 'the clock is read only in lib/clock.c (and by the shim)' \
	"$(grep -rnE '\b(clock_gettime|gettimeofday|time)\(' $code --include=*.c |
		grep -vE '^(lib/clock.c|provider/jail/shim.c):|_time\(|\* ')"
none 'randomness only in lib/bytes.c' \
	"$(grep -rnE '\b(rand|random|RAND_bytes|getrandom)\(' $code --include=*.c | grep -v '^lib/bytes.c:')"

# arrow FROM FORBIDDEN: files of FROM include nothing of FORBIDDEN.
arrow() {
	none "$1 does not reach into $2" "$(grep -rnE "#include \"($2)/" "$1")"
}
arrow lib 'deploy|lease|market|provider|tenant'
arrow deploy 'lease|market|provider|tenant'
arrow lease 'market|provider|tenant'
arrow market 'provider|tenant'
arrow provider 'tenant'
none 'of the market a provider sees only its client' \
	"$(grep -rnE '#include "market/' provider tenant | grep -v 'market/client.h')"
none 'of the provider a tenant sees only its client' \
	"$(grep -rnE '#include "provider/' tenant | grep -v 'provider/gateway/client.h')"
none 'the jail knows no loop, no network, no JSON, and nothing of the agent' \
	"$(grep -rnE '#include ("(lib/(task|http|fetch|ws|json|yaml|tls|db)|lease/|market/|provider/(agent|book_db|settings|bid|run|gateway|ingress|image)\b)|<(event2|yajl|curl|libpq)|"provider/[a-z_]+\.h)' provider/jail)"
pure='lease/(auction|tick|entry|spread|offer|demand|record|transcript|tick_transcript|audit|audit_tick|bond|spot|index|tagged|typed|life|price|unit_price|terms|rlp|abi|tx|escrow|documents|attest)\.c|deploy/(compose.*|resource|group|manifest|sdl.*|akash.*|bundle|cdi|seccomp|apparmor|oci|rules)\.c|provider/(bid|run)/(meter|capacity|offering|pricing|rival|unit_life|update)\.c'
none 'the trade is pure: no loop, clock or system call' \
	"$(grep -rnE '#include (<event2|<unistd|<sys/|"lib/(clock|task|db|http|fetch|proc|chan|log)\.h")' $code |
		grep -E "^($pure):")"

none 'the price index is advice: nothing that clears reads it' \
	"$(grep -rnE 'lease/index\.h|price_index|index_trades|order_class' lease market sql/query --include=*.[ch] --include=*.sql |
		grep -vE '^(lease/index|market/(price_index|index_api|settings|clerk|web))\.[ch]:|^sql/query/index\.sql:')"

none 'no file named util, common, misc or helpers' \
	"$(git ls-files | grep -E '(^|/)(utils?|common|misc|helpers?)\.[ch]$')"
none 'no marker of unfinished work' \
	"$(grep -rnE '\b(TODO|FIXME|XXX|HACK)\b' $code sql lease/contracts/src demo --include=*.[ch] --include=*.sol --include=*.sql --include=*.sh 2>/dev/null)"
none 'no line longer than 110 columns in C' \
	"$(for f in $(git ls-files '*.c' '*.h'); do expand -t8 "$f" | awk -v f="$f" 'length > 110 { print f ":" NR }'; done)"
none 'no C file longer than 900 lines' \
	"$(for f in $(git ls-files '*.c'); do l=$(wc -l <"$f"); [ "$l" -le 900 ] || echo "$f: $l"; done)"
none 'every source file names its licence' \
	"$(git ls-files '*.c' '*.h' '*.sh' '*.sql' '*.sol' '*.awk' | xargs grep -L 'SPDX-License-Identifier')"
none 'no floating point in the trade, but where Akash has it' \
	"$(grep -rnE '\b(double|float)\b' $code --include=*.[ch] |
		grep -vE '\* |/\*|//|^deploy/akash_(go|decode|profile)\.[ch]:')"
none 'SQL lives in sql/' \
	"$(grep -rniE '"(select|insert into|update|delete from) ' market --include=*.c)"
echo "1..$n"
exit $bad
