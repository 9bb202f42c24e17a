#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [AUCTIONS [SEED]] - two readings of the rules agree: random ticks go to
# lease/tick.c and to auction.py, two of each at once, and every outcome line must be
# equal. Without a number, few; CI runs a million. TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
auctions=${1:-${REFERENCE_AUCTIONS:-20000}}
seed=${2:-${REFERENCE_SEED:-1}}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
command -v python3 >/dev/null || { echo "1..0 # skip python3 is missing"; exit 77; }
[ -x "$build/tests/reference/cases" ] || { echo "not ok 1 - $build/tests/reference/cases is not built"; exit 1; }

# half N: a stream of cases through a pipe, so that nothing large is kept.
half() {
	mkfifo "$dir/cases$1"
	python3 tests/reference/auction.py <"$dir/cases$1" >"$dir/reference$1" &
	"$build/tests/reference/cases" $((seed * 1000 + $1)) $((auctions * 21 / 100 + 1)) \
		"$dir/cases$1" "$dir/core$1" >"$dir/summary$1"
	wait $!
}
half 1 &
half 2 &
wait
n=0 bad=0
for i in 1 2; do
	n=$((n + 1))
	said=$(cat "$dir/summary$i")
	if [ -s "$dir/core$i" ] && cmp -s "$dir/core$i" "$dir/reference$i"; then
		echo "ok $n - $said"
	else
		bad=1
		line=$(cmp "$dir/core$i" "$dir/reference$i" | sed 's/.*line //')
		echo "not ok $n - $said"
		echo "# seed $((seed * 1000 + i)), tick ${line:-?}:"
		diff "$dir/core$i" "$dir/reference$i" | head -6 | sed 's/^/# /'
	fi
done
total=$(awk '{ n += $1 } END { print n + 0 }' "$dir"/summary?)
n=$((n + 1))
if [ "$total" -ge "$auctions" ]; then
	echo "ok $n - $total auctions, every outcome equal in both"
else
	bad=1
	echo "not ok $n - only $total of $auctions auctions"
fi
echo "1..$n"
exit $bad
