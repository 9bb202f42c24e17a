#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lanes.sh SCRIPT... - as tests/run.sh, two at a time (LANES): they wait more than they
# compute. Each lane has a tag of its own, see lib.sh. What a script says stands together;
# the last line is "N passed, N failed".
set -u
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# shellcheck disable=SC2016
printf '%s\n' "$@" | out=$out xargs -n 1 -P "${LANES:-2}" --process-slot-var=lane sh -c '
	GAVEL_DEMO_TAG=$(echo "$lane" | tr 0-9 a-j) tests/run.sh "$0" >"$out/lane$lane"
	{
		sed \$d "$out/lane$lane"
		tail -n 1 "$out/lane$lane" >>"$out/totals"
	} | flock "$out" cat'
awk '{ passed += $1; failed += $3 } END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || NR == 0 }' "$out/totals"
