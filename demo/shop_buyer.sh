#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shop_buyer.sh URL FILE - ask without a pause until FILE is there; then say how
# often, and how often there was no good answer. At a pace that the packet filter
# of a provider lets through: 20 new connections a second from each container.
asked=0 failed=0
until [ -e "$2" ]; do
	asked=$((asked + 1))
	answer=$(curl -sf -m 10 "$1") || answer=
	case $answer in
	*number*[0-9]) ;;
	*) failed=$((failed + 1)); echo "no good answer: $answer" >&2 ;;
	esac
	sleep 0.1
done
echo "asked $asked times, $failed without an answer"
