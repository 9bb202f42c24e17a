#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh PROGRAM... - run tests, each a program that prints TAP, and count their
# checks. Exit status 77 is a skip. Shows what failed, and one line a program.
# The last line is "N passed, N failed".
set -u
passed=0 failed=0 skipped=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for program in "$@"; do
	began=$(date +%s%N)
	timeout -k 5 "${TEST_TIMEOUT:-900}" "$program" >"$out" 2>&1 </dev/null
	status=$?
	ms=$((($(date +%s%N) - began) / 1000000))
	ok=$(grep -c '^ok ' "$out")
	bad=$(grep -c '^not ok ' "$out")
	if [ $status = 77 ]; then
		skipped=$((skipped + 1))
		printf 'skip  %-44s %s\n' "$program" "$(grep -m1 -i skip "$out")"
		continue
	fi
	# A program with a runner of its own says the totals in its last line.
	if [ "$ok" = 0 ] && [ "$bad" = 0 ] && tail -n 1 "$out" | grep -qE '^[0-9]+ passed, [0-9]+ failed'; then
		read -r ok _ bad _ < <(tail -n 1 "$out")
	fi
	# A program that says nothing but fails, or stops half way, is one failure.
	if [ $status != 0 ] && [ "$bad" = 0 ]; then
		bad=1
	elif [ $status = 0 ] && [ "$ok" = 0 ] && [ "$bad" = 0 ]; then
		ok=1
	fi
	passed=$((passed + ok))
	failed=$((failed + bad))
	if [ "$bad" = 0 ]; then
		printf 'pass  %-44s %4d checks %6d ms\n' "$program" "$ok" "$ms"
	else
		printf 'FAIL  %-44s %4d of %d, exit %d\n' "$program" "$bad" $((ok + bad)) "$status"
		grep -A4 '^not ok ' "$out" | head -40
		tail -n 25 "$out"
		[ -z "${TEST_TOTALS:-}" ] || {
			echo "$program: $bad failed, exit $status"
			{ grep -hE '^(not ok|FAIL) ' "$out" || tail -n 3 "$out"; } | head -20 | sed 's/^/	/'
		} >>"$TEST_TOTALS.failed"
	fi
done
[ $skipped = 0 ] || echo "$skipped programs skipped"
echo "$passed passed, $failed failed"
# For a run of several tiers: .ci/run adds up, and says at its end what failed.
[ -z "${TEST_TOTALS:-}" ] || echo "$passed $failed" >>"$TEST_TOTALS"
[ $failed = 0 ]
