# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# ports.sh - ports for a test's own programs.

# free_ports: prints the first of three ports in a row on which nobody listens,
# below the range from which the kernel takes those of outgoing connections.
free_ports() {
	local first try port
	for try in {1..50}; do
		first=$((20000 + RANDOM % 12000))
		for port in $first $((first + 1)) $((first + 2)); do
			(: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue 2
		done
		echo "$first"
		return 0
	done
	echo "no free ports in $try tries" >&2
	return 1
}
