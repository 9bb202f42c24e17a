#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lint.sh - clang-format, cppcheck, clang-tidy and shellcheck, each of which must
# have nothing to say. TAP. LINT=quick leaves out clang-tidy.
cd "$(dirname "$0")/.." || exit 1
n=0 bad=0
check() {
	what=$1
	shift
	n=$((n + 1))
	if out=$("$@" 2>&1) && [ -z "$out" ]; then
		echo "ok $n - $what"
	else
		echo "not ok $n - $what"
		printf '%s\n' "$out" | head -30 | sed 's/^/# /'
		bad=1
	fi
}

sources=$(git ls-files 'lib/*.[ch]' 'deploy/*.[ch]' 'lease/*.[ch]' 'market/*.[ch]' 'provider/*.[ch]' \
	'tenant/*.[ch]' 'tests/*.[ch]')
# shellcheck disable=SC2086
formatted() { clang-format --dry-run -Werror $sources 2>&1 | grep -E 'error:' | cut -c1-120; }
check 'clang-format' formatted
check 'cppcheck' cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	--suppress=missingIncludeSystem --suppress=nullPointerOutOfMemory \
	--error-exitcode=1 -j2 -I. -Ibuild/gen -D_GNU_SOURCE -DGAVEL_VERSION='"0"' -DGAVEL_DATADIR='""' \
	lib deploy lease market provider tenant
# shellcheck disable=SC2046
check 'shellcheck' shellcheck -x -S warning -e SC2154,SC2034,SC1091 $(git ls-files '*.sh' .ci/run)
if [ "${LINT:-}" != quick ]; then
	export TIDY_CHECKS='-*,bugprone-*,clang-analyzer-*'
	# Off: what is taste and settled here otherwise, and what cries wolf in this
	# version (va_list, texts over several lines, hashed tags, arrays of pointers).
	for off in bugprone-easily-swappable-parameters bugprone-reserved-identifier \
		bugprone-macro-parentheses bugprone-assignment-in-if-condition \
		bugprone-narrowing-conversions bugprone-implicit-widening-of-multiplication-result \
		clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling \
		clang-analyzer-security.insecureAPI.strcpy bugprone-branch-clone \
		clang-analyzer-valist.Uninitialized clang-analyzer-optin.performance.Padding \
		bugprone-suspicious-missing-comma bugprone-not-null-terminated-result bugprone-sizeof-expression; do
		TIDY_CHECKS=$TIDY_CHECKS,-$off
	done
	# shellcheck disable=SC2016
	tidy() {
		git ls-files 'lib/*.c' 'deploy/*.c' 'lease/*.c' 'market/*.c' 'provider/*.c' 'tenant/*.c' |
			grep -v '^lib/err.c$' | xargs -P2 -n4 sh -c 'clang-tidy --quiet --checks="$TIDY_CHECKS" "$@" -- -std=gnu11 \
				-include tests/tidy.h -D_GNU_SOURCE -I. -Ibuild/gen -I/usr/include/postgresql \
				-DGAVEL_VERSION=\"0\" -DGAVEL_DATADIR=\"x\" 2>/dev/null' tidy |
			grep -E 'warning:|error:'
		return 0
	}
	check 'clang-tidy' tidy
fi
echo "1..$n"
exit $bad
