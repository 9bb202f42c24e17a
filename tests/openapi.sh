#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# openapi.sh - docs/openapi.yaml against the code, both ways: every route of
# market/web.c is documented and every documented route exists; every error code
# the market's API names is in the list of codes and every listed code exists.
# With arguments, other files take their places, so that the check can be shown
# to fail: openapi.sh [OPENAPI [WEB_C]]. TAP on standard output.
set -u
cd "$(dirname "$0")/.." || exit 1
spec=${1:-docs/openapi.yaml}
web=${2:-market/web.c}
count=0
failed=0

# ok STATUS TEXT
ok() {
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		failed=$((failed + 1))
	fi
}

has() { printf '%s\n' "$1" | grep -qxF -- "$2"; }

# { "GET", "/v1/orders/{order}", order_show }, -> GET /v1/orders/{order}; as many
# on a line as there are.
in_code=$(awk '/routes\[\] = \{/, /ROUTE_END/' "$web" |
	grep -oE '\{ *"[A-Z]+", *"[^"]+"' | awk -F'"' '{ print $2, $4 }' | sort)
# Two blanks and a path, then four blanks and a method.
in_spec=$(awk '/^[a-z]/ { on = $1 == "paths:" }
	on && /^  \/[^ ]*:$/ { path = $1; sub(/:$/, "", path) }
	on && /^    (get|put|post|delete|patch|head|options):$/ {
		sub(/:/, "", $1); print toupper($1), path }' "$spec" | sort)

[ -n "$in_code" ]
ok $? "$web has routes"
while read -r method path; do
	has "$in_spec" "$method $path"
	ok $? "documented: $method $path"
done <<END
$in_code
END
while read -r method path; do
	has "$in_code" "$method $path"
	ok $? "exists: $method $path"
done <<END
$in_spec
END

# The {names} of a path are parameters of it: by name here or by reference.
awk '/^[a-z]/ { on = $1 == "paths:" }
	on && /^  \/[^ ]*:$/ { path = $1; sub(/:$/, "", path); next }
	on && /^    (get|put|post|delete|patch):$/ { method = toupper($1); sub(/:/, "", method)
		rest = path
		while (match(rest, /\{[a-z]+\}/)) {
			want[method " " path " " substr(rest, RSTART + 1, RLENGTH - 2)] = 1
			rest = substr(rest, RSTART + RLENGTH)
		} }
	on { for (k in want) { split(k, p, " ")
		if (p[1] == method && p[2] == path && (index($0, "/parameters/" p[3] "\"") ||
		    $0 ~ "name: " p[3] "(,|$)")) delete want[k] } }
	END { for (k in want) { print "# no parameter: " k; bad = 1 } exit bad }' "$spec"
ok $? "every {name} of a path is a parameter"

# References lead somewhere.
lost=$(awk '/^  [a-zA-Z]+:$/ { kind = $1; sub(/:/, "", kind) }
	/^    [A-Za-z0-9]+:/ { name = $1; sub(/:.*/, "", name); have[kind "/" name] = 1 }
	{ line = $0
	  while (match(line, /#\/components\/[a-zA-Z]+\/[A-Za-z0-9]+/)) {
		need[substr(line, RSTART + 13, RLENGTH - 13)] = 1
		line = substr(line, RSTART + RLENGTH) } }
	END { for (n in need) if (!(n in have)) print n }' "$spec")
[ -z "$lost" ]
ok $? "every reference leads somewhere $lost"

# Codes: `struct code NAME = { "name", KIND, ...` over one or two lines.
codes_of() { cat "$@" | tr '\n' ' ' | grep -oE 'struct code [A-Z_]+ = \{ *"[a-z_]+"' |
	sed 's/.*"\(.*\)"/\1/' | sort -u; }
listed=$(awk '/^    Problem:$/ { on = 1; next } on && /^    [A-Z]/ { on = 0 }
	on && /enum: \[/ { list = 1; next } list && /\]/ { list = 0 }
	on && list { gsub(/[ ,]+/, "\n"); print }' "$spec" | grep . | sort)
api=$(codes_of market/*_api.c lib/http.c lib/json.c lib/db.c lib/amount.c lease/jwt.c lease/key.c deploy/group.c)
all=$(codes_of market/*.c lib/*.c lease/*.c deploy/*.c)
for code in $api; do
	has "$listed" "$code"
	ok $? "code is documented: $code"
done
for code in $listed; do
	has "$all" "$code"
	ok $? "code exists: $code"
done
[ "$(printf '%s\n' "$listed" | uniq -d)" = "" ]
ok $? "no code stands twice"

echo "1..$count"
[ $failed = 0 ] || echo "# $failed of $count failed"
[ $failed = 0 ]
