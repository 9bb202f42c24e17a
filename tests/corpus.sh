#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# corpus.sh - deployment files of others: each must be taken or refused as Akash
# does, with the same hash, manifest and groups (VERDICTS.tsv says which), but
# for those listed in docs/sdl-deviations.md. Then mutants of them, or of our
# examples when there is no corpus. TAP.
#
#	GAVEL_CORPUS=DIR    where the files are; default ../shared/corpus
#	GAVEL_MUTANTS=N     how many mutants; default 4000
cd "$(dirname "$0")/.." || exit 1
corpus=${GAVEL_CORPUS:-../shared/corpus}
program=${BUILD:-build}/tests/corpus/corpus
if [ -d "$corpus" ]; then
	"$program" verdicts "$corpus" docs/sdl-deviations.md || bad=1
	"$program" mutate "${GAVEL_MUTANTS:-4000}" "$corpus" examples || bad=1
else
	echo "ok 1 - verdicts # skipped, no corpus"
	"$program" mutate "${GAVEL_MUTANTS:-4000}" examples || bad=1
fi
exit ${bad:-0}
