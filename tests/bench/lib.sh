# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh - what the benchmarks share: one of them at a time on a machine, and the
# load of the machine beside their figures. Source it first, with "$@".
if [ -z "${GAVEL_BENCH_LOCK:-}" ]; then
	# -o: what the benchmark starts does not inherit the lock.
	export GAVEL_BENCH_LOCK=1
	flock -n -o -E 75 /run/lock/gavel-bench.lock "$0" "$@"
	status=$?
	[ $status != 75 ] || echo "$0: another benchmark runs on this machine" >&2
	exit $status
fi

# bench_load WHEN: load of the last minute, CPU pressure of the last ten seconds.
bench_load() {
	local pressure
	pressure=$(sed -n 's/^some avg10=\([0-9.]*\).*/\1 %/p' /proc/pressure/cpu 2>/dev/null)
	echo "# $1: $(date -u +%FT%TZ), load $(cut -d' ' -f1 /proc/loadavg) on $(nproc) CPUs," \
		"CPU pressure ${pressure:-not known}"
}
