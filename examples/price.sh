#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# price.sh - an example of a price program (provider.yaml: price_program). It reads
# one question as JSON on standard input and answers on standard output: nothing
# runs at night, and whoever asks for GPUs pays half as much again. Needs jq.
#
#	price_program: [/usr/local/lib/gavel/price.sh]
#	price_timeout_ms: 200
set -eu
question=$(cat)
hour=${GAVEL_HOUR:-$(date -u +%H)} # GAVEL_HOUR is for trying it by hand

if [ "${hour#0}" -lt 5 ]; then
	echo '{"decline":"term"}'
	exit
fi
# Prices are integers of up to 39 digits, in strings: bc counts, not the shell.
floor=$(printf %s "$question" | jq -r .card.floor)
list=$(printf %s "$question" | jq -r .card.list)
if [ "$(printf %s "$question" | jq '.gpus | length')" -gt 0 ]; then
	floor=$(echo "$floor * 3 / 2" | bc)
	list=$(echo "$list * 3 / 2" | bc)
fi
printf '{"floor":"%s","list":"%s"}\n' "$floor" "$list"
