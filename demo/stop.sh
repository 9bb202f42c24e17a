#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# stop.sh - end everything that the demo started, and remove what it left: the
# containers through the providers themselves, the rest by the pids we kept.
. "$(dirname "$0")/lib.sh"

[ -d "$dir" ] || exit 0
for name in agent dc1 dc2 dc3; do
	end "$name"
done
for name in dc1 dc2 dc3; do
	if [ -f "$dir/$name.yaml" ] && [ -d "$dir/$name/leases" ]; then
		$SUDO "$bin/gavel-provider" -c "$dir/$name.yaml" clean >"$dir/log/clean-$name.log" 2>&1 ||
			say "warning: $name: $(tail -1 "$dir/log/clean-$name.log")"
	fi
done
for name in market registry anvil postgres; do
	end "$name"
done
$SUDO rm -rf "$dir"
[ "${1:-}" = quiet ] || say "the demo has ended; nothing of it is left"
