#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh - each fuzz target for FUZZ_SECONDS, from its corpus in the build
# directory, which grows from run to run. TAP.
cd "$(dirname "$0")/../.." || exit 1
# Whole stacks, for what a library leaks is told by its function (leaks.txt).
export LSAN_OPTIONS=suppressions=tests/fuzz/leaks.txt:print_suppressions=0
export ASAN_OPTIONS=fast_unwind_on_malloc=0
n=0 bad=0
for target in build/fuzz/*_fuzz; do
	[ -f "$target" ] || continue
	n=$((n + 1))
	corpus=build/fuzz/corpus-$(basename "$target")
	mkdir -p "$corpus"
	cp examples/*.yaml tests/corpus/files/*.yaml tests/cli/*.yaml tests/cli/compose/*.yml \
		"$corpus/" 2>/dev/null
	if "$target" -max_total_time="${FUZZ_SECONDS:-15}" -timeout=5 -rss_limit_mb=2048 \
		-artifact_prefix=build/fuzz/ -verbosity=0 "$corpus" >build/fuzz/log 2>&1; then
		echo "ok $n - $(basename "$target")"
	else
		echo "not ok $n - $(basename "$target")"
		tail -30 build/fuzz/log | sed 's/^/# /'
		bad=1
	fi
done
echo "1..$n"
exit $bad
