#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# properties.sh - every property of docs/auction.md, 1 to 20, names tests that exist.
# With an argument, another file takes its place. TAP.
cd "$(dirname "$0")/.." || exit 1
awk -F'|' '
	/^\| [0-9]+ \|/ {
		n = $2 + 0
		wrong = ""
		file = ""
		tests = 0
		rest = $4
		while (match(rest, /`[^`]+`/)) {
			word = substr(rest, RSTART + 1, RLENGTH - 2)
			rest = substr(rest, RSTART + RLENGTH)
			if (word ~ /^make /)
				found = system("grep -q \"^" substr(word, 6) ":\" Makefile") == 0
			else if (word ~ /\//) {
				file = word
				found = system("test -f " word) == 0
			} else
				found = system("grep -Eq \"(^|function )" word "\\(\" " file) == 0
			tests++
			if (!found)
				wrong = wrong " " word
		}
		printf "%s %d - property %d: %s\n", (tests == 0 || wrong != "" ? "not ok" : "ok"), ++count, n,
			(wrong == "" ? tests " names" : "there is no" wrong)
		bad += tests == 0 || wrong != ""
		seen[n] = 1
	}
	END {
		for (n = 1; n <= 20; n++)
			if (!(n in seen)) {
				printf "not ok %d - property %d is not in the table\n", ++count, n
				bad++
			}
		printf "1..%d\n", count
		exit bad > 0
	}' "${1:-docs/auction.md}"
