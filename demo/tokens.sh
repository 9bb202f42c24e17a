#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tokens.sh BEFORE AFTER - who has how many tokens, and that their sum is the same.
# Lines are "who wallet escrow" in base units; the contract's own wallet holds
# what stands in everybody's escrow column, so it is not counted twice.
awk '
	NR == FNR { wallet[$1] = $2; escrow[$1] = $3; order[++n] = $1; next }
	{ wallet2[$1] = $2; escrow2[$1] = $3 }
	END {
		printf "%-10s %16s %16s %14s\n", "tokens", "before", "after", "change"
		for (i = 1; i <= n; i++) {
			who = order[i]
			a = wallet[who] + escrow[who]
			b = wallet2[who] + escrow2[who]
			printf "%-10s %16.6f %16.6f %+14.6f\n", who, a / 1e6, b / 1e6, (b - a) / 1e6
			if (who == "contract")
				continue
			before += a
			after += b
			held += escrow2[who]
		}
		contract = wallet2["contract"]
		printf "sum of all parties: %.6f before, %.6f after: %s\n", before / 1e6, after / 1e6,
			before == after ? "unchanged" : "CHANGED"
		printf "escrow contract holds %.6f, owes %.6f: %s\n", contract / 1e6, held / 1e6,
			contract == held ? "equal" : "DIFFERENT"
		exit before != after || contract != held
	}' "$1" "$2"
