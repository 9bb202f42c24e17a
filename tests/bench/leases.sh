#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# leases.sh [N [SECONDS]] - what idle leases cost a provider: memory of its roles
# and of the shims, CPU over SECONDS (40), before and with N (20) real leases, all
# of them at one provider, metered every 10 s as by default. What is printed for
# 100 leases is the difference times 100 / N. Prints a table. Needs root, and a
# quiet machine.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$(dirname "$0")/../.." || exit 1
runs=${1:-20}
seconds=${2:-40}
export GAVEL_TOP=$PWD GAVEL_DEMO_DIR=$PWD/build/bench-leases GAVEL_DEMO_PORT=5680
export GAVEL_DEMO_SETTLE=5000 GAVEL_DEMO_METER=10000
. demo/lib.sh
set +e
export XDG_STATE_HOME=$dir/tenant-state
trap 'demo/stop.sh quiet' EXIT
bench_load before
demo/up.sh >/dev/null 2>&1 || { echo "the market does not come up" >&2; exit 1; }
# Of the three providers only dc3 is in the east; small, so that many fit.
sed "s/127.0.0.1:5000/127.0.0.1:$registry_port/; s/eu-west/us-east/; s/units: 0.25/units: 0.1/" examples/web.yaml >"$dir/web.yaml"

# role NAME: the pid of that process of dc3, by the name it gives itself.
role() {
	for pid in $(pgrep -P "$(cat "$dir/pid/dc3")"); do
		[ "$(cat "/proc/$pid/comm")" != "$1" ] || echo "$pid"
	done
}
# memory KEY PID...: KiB of all of them.
memory() {
	key=$1
	shift
	for pid in "$@"; do cat "/proc/$pid/smaps_rollup"; done | awk -v key="$key" '$1 ~ key { s += $2 } END { print s + 0 }'
}
cpu() { awk '{ printf "%.0f\n", $1 / 1000 }' "/proc/$1/schedstat"; } # us

roles=(agent sign jail)
declare -A rss pss us
# take WHEN: memory now, CPU over the seconds to come.
take() {
	local -A from
	for r in "${roles[@]}"; do from[$r]=$(cpu "$(role "$r")"); done
	sleep "$seconds"
	for r in "${roles[@]}"; do
		pid=$(role "$r")
		us[$1.$r]=$(($(cpu "$pid") - from[$r]))
		rss[$1.$r]=$(memory '^Rss:' "$pid")
		pss[$1.$r]=$(memory '^Pss:' "$pid")
	done
}
deploy() { tenant -q deploy "$dir/web.yaml" --deposit 0.1 --name "$1" >/dev/null 2>&1 || echo "deploy $1 failed" >&2; }

# One lease comes and goes first, so that libraries and image are there.
deploy first
tenant -q close first >/dev/null 2>&1
sleep 3
take without
for i in $(seq "$runs"); do deploy "lease$i"; done
sleep 5
n=$(find "$dir/dc3/leases" -mindepth 1 -maxdepth 1 -type d | wc -l)
[ "$n" -gt 0 ] || { echo "no lease came up" >&2; exit 1; }
take with
shims=()
for record in "$dir"/dc3/leases/*/shim; do shims+=("$(cut -d' ' -f1 "$record")"); done

each() { echo $((($1 - $2) / n)); }
echo "| figure | without leases | with $n | each, or for 100 |"
echo "| --- | --- | --- | --- |"
for r in "${roles[@]}"; do
	echo "| RSS / PSS of the $r, KiB | ${rss[without.$r]} / ${pss[without.$r]}" \
		"| ${rss[with.$r]} / ${pss[with.$r]} | $(each "${rss[with.$r]}" "${rss[without.$r]}") each |"
done
echo "| PSS / private memory of a shim, KiB | | | $(($(memory '^Pss:' "${shims[@]}") / n)) /" \
	"$(($(memory '^Private_' "${shims[@]}") / n)) each |"
total=0
for r in "${roles[@]}"; do
	a=${us[without.$r]} b=${us[with.$r]}
	more=$((b - a))
	total=$((total + more))
	awk -v r="$r" -v a="$a" -v b="$b" -v d="$more" -v s="$seconds" -v n="$n" \
		'BEGIN { printf "| CPU of the %s, %% of a core | %.2f | %.2f | %.2f for 100 |\n", r, a / s / 1e4, b / s / 1e4, d / s / 1e4 * 100 / n }'
done
awk -v d="$total" -v s="$seconds" -v n="$n" \
	'BEGIN { printf "| CPU of the three, %% of a core | | | %.2f for 100 |\n", d / s / 1e4 * 100 / n }'
bench_load after
