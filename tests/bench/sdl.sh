#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sdl.sh [DIR...] - CPU of reading deployment files: our own and, where there is a
# corpus of others' (GAVEL_CORPUS, see tests/corpus.sh), that.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$(dirname "$0")/../.." || exit 1
if [ $# = 0 ]; then
	set -- examples tests/corpus/files
	[ ! -d "${GAVEL_CORPUS:-../shared/corpus}" ] || set -- "$@" "${GAVEL_CORPUS:-../shared/corpus}"
fi
bench_load before
build/tests/bench/sdl "$@"
