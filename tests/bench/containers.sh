#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# containers.sh [N [MANY [IDLE]]] - the jail beside bare runc: N (20) starts warm
# and cold, MANY (50) containers at once, memory and metering of IDLE (100).
# Prints a table. Needs root, runc, umoci, nft, ip, and a quiet machine.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "needs root" >&2; exit 77; }
bench_load before
build/tests/bench/containers "$@"
status=$?
bench_load after
exit $status
