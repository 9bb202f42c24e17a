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
	--library=tests/cppcheck.cfg --error-exitcode=1 -j2 -I. -Ibuild/gen -D_GNU_SOURCE -DGAVEL_VERSION='"0"' -DGAVEL_DATADIR='""' \
	lib deploy lease market provider tenant
# shellcheck disable=SC2046
check 'shellcheck' shellcheck -x -S warning -e SC2154,SC2034,SC1091 $(git ls-files '*.sh' .ci/run)
if [ "${LINT:-}" != quick ]; then
	# shellcheck disable=SC2046
	tidy() {
		git ls-files 'lib/*.c' 'deploy/*.c' 'lease/*.c' 'market/*.c' 'provider/*.c' 'tenant/*.c' |
			xargs -P2 -n6 clang-tidy --quiet --warnings-as-errors='*' \
				--checks='-*,bugprone-*,cert-err34-c,clang-analyzer-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,-bugprone-macro-parentheses,-bugprone-assignment-in-if-condition,-bugprone-narrowing-conversions,-bugprone-implicit-widening-of-multiplication-result,-clang-analyzer-security.insecureAPI.*,-bugprone-suspicious-include,-bugprone-branch-clone' \
				2>/dev/null -- -std=gnu11 -D_GNU_SOURCE -I. -Ibuild/gen -I/usr/include/postgresql \
				-DGAVEL_VERSION='"0"' -DGAVEL_DATADIR='""' | grep -E 'warning:|error:'
		return 0
	}
	check 'clang-tidy' tidy
fi
echo "1..$n"
exit $bad
