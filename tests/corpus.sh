#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# corpus.sh - deployment files of others: each must be taken or refused as Akash
# does, with the same hash, manifest and groups (VERDICTS.tsv says which), but
# for those listed in docs/sdl-deviations.md. Then mutants of them, of our own
# and of the examples. TAP.
#
#	GAVEL_CORPUS=DIR    where the files are; default ../shared/corpus
#	GAVEL_MUTANTS=N     how many mutants; default 100000
cd "$(dirname "$0")/.." || exit 1
corpus=${GAVEL_CORPUS:-../shared/corpus}
program=${BUILD:-build}/tests/corpus/corpus
bad=0
own="examples tests/corpus/files"
if [ -d "$corpus" ]; then
	"$program" verdicts "$corpus" docs/sdl-deviations.md || bad=1
	own="$own $corpus"
else
	echo "ok 1 - verdicts # skipped, no corpus"
fi
# shellcheck disable=SC2086
"$program" mutate "${GAVEL_MUTANTS:-100000}" $own || bad=1
exit $bad
