#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2086  # flags are words
#
# Each line below takes one wall away, in a copy of its file. The isolation suite
# must notice every one. TAP. Needs what the suite needs and `make check-e2e`'s
# programs; run from the root, as root.
#
#	tests/e2e/isolation/mutants.sh [name or part...]

set -u
B=${BUILD:-build}
CC=${CC:-gcc}
FLAGS="-std=gnu11 -D_GNU_SOURCE -O1 -w -I. -I$B/gen"
LIBS="-lsecp256k1 -lsodium -lyajl -lfyaml -lcrypto -lssl -levent -levent_openssl -lcurl -lpq -lsqlite3"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# name | file to spoil | part of the suite that must notice | sed script, which must change it
mutants() {
	cat <<'TABLE'
unshare_open|deploy/seccomp.c|calls|s/"uname",/"uname", "unshare",/
clone_unmasked|deploy/seccomp.c|calls|s/INT64_C(0x7e020000)/INT64_C(0)/
clone3_open|deploy/seccomp.c|calls|s/"close_range",/"close_range", "clone3",/;s/jsonw_str(w, "clone3")/jsonw_str(w, "afs_syscall")/
vsock_open|deploy/seccomp.c|calls|s/SOCKET_INET, SOCKET_INET6 }/SOCKET_INET, SOCKET_INET6, 40 }/
netlink_open|deploy/seccomp.c|calls|/NETLINK_ROUTE_PROTOCOL);/d
keyring_open|deploy/seccomp.c|calls|s/"kill",/"kill", "keyctl", "add_key",/
keys_unmasked|deploy/bundle.c|paths|s|"/proc/keys"|"/proc/none"|
symbols_unmasked|deploy/bundle.c|paths|s|"/proc/kallsyms"|"/proc/none"|
settings_writable|deploy/bundle.c|paths|s|"/proc/sys",|"/proc/none",|
new_privileges|deploy/bundle.c|paths|s/"noNewPrivileges", true/"noNewPrivileges", false/
dev_unlimited|deploy/bundle.c|paths|s/"nr_inodes=512"/"rw"/
ptys_unlimited|deploy/bundle.c|bombs|s/"max=64"/"max=2000"/
signals_unlimited|deploy/bundle.c|paths|/RLIMIT_SIGPENDING/d
ids_shared|provider/jail/container.c|paths|s/(uint32_t)slot \* BUNDLE_IDS/0/
mail_open|provider/jail/net.c|reach|s/tcp dport { 25, 465, 587 } counter drop/tcp dport 1 counter drop/
private_open|provider/jail/net.c|reach|s/ip daddr @deny counter drop/counter/
host_open|provider/jail/net.c|reach|s/^\([[:space:]]*"[[:space:]]*\)counter drop\\n"$/\1counter\\n"/
sender_unchecked|provider/jail/net.c|reach|s/!= @leases counter drop/!= @leases counter/
six_open|provider/jail/net.c|reach|s/meta nfproto != ipv4 drop/meta nfproto != ipv4 accept/
links_ignored|provider/jail/net.c|reach|s/@links accept/@links drop/
flows_new|provider/jail/net.c|reach|s/NEW_BURST 40u/NEW_BURST 4000u/
flows_open|provider/jail/net.c|reach|s/FLOWS_MAX 100u/FLOWS_MAX 1000u/
flows_inherited|provider/jail/net.c|reach|s/"fresh", "flows", "sent"/"fresh"/
shaped_not|provider/jail/net.c|reach|s/return tool_run(argv, NULL, NULL, e);/return 0;/
sending_unlimited|provider/jail/net.c|reach|s/(1000000 . 8 . 1000)/100000/
pids_tripled|deploy/bundle.c|bombs|s/"limit", b->pids_max/"limit", b->pids_max * 3/
memory_doubled|deploy/bundle.c|bombs|s/(int64_t)b->memory_bytes)/(int64_t)b->memory_bytes * 2)/
cpu_doubled|deploy/bundle.c|bombs|s/(int64_t)b->cpu_milli \* CPU_PERIOD_US/2 * &/
disk_unthrottled|deploy/bundle.c|bombs|s/disks_write(w, b);$/;/
inotify_shared|provider/jail/container.c|bombs|s/limits_inside(rs.pid, e) < 0 || //
overlay_unchecked|provider/jail/selfcheck.c|selfcheck|s/failed += out\[i\].fatal/failed += 0/
TABLE
}

count=0 failed=0
result() { # passed name detail
	count=$((count + 1))
	[ "$1" = 0 ] || failed=$((failed + 1))
	[ "$1" = 0 ] && echo "ok $count - $2: $3" || echo "not ok $count - $2: $3"
}

wanted() { # name part words...
	[ $# = 2 ] && return 0
	name=$1 part=$2
	shift 2
	for w in "$@"; do { [ "$w" = "$name" ] || [ "$w" = "$part" ]; } && return 0; done
	return 1
}

mutants >"$tmp/table"
while IFS='|' read -r name file part script; do
	wanted "$name" "$part" "$@" || continue
	dir=$tmp/$name
	mkdir "$dir"
	sed -e "$script" "$file" >"$dir/spoilt.c"
	if cmp -s "$file" "$dir/spoilt.c"; then
		result 1 "$name" "the script changes nothing: the table is out of date"
		continue
	fi
	cp "$B/tests/e2e/isolation/probe" "$dir/probe"
	# Quoted includes are looked for beside the file first.
	if ! $CC $FLAGS -I"$(dirname "$file")" -c "$dir/spoilt.c" -o "$dir/spoilt.o" ||
		! $CC -o "$dir/isolation" "$B"/tests/e2e/isolation/*.o "$dir/spoilt.o" "$B/provider.a" \
			"$B/lease.a" "$B/deploy.a" "$B/lib.a" $LIBS; then
		result 1 "$name" "does not build"
		continue
	fi
	if timeout 120 "$dir/isolation" "$part" >"$dir/out" 2>&1 </dev/null; then
		result 1 "$name" "unnoticed"
	else
		why=$(grep -m1 '^not ok' "$dir/out" | sed 's/^not ok [0-9]* - //')
		if [ -n "$why" ]; then
			result 0 "$name" "$why"
		else
			result 1 "$name" "no verdict: $(tail -n 1 "$dir/out")"
		fi
	fi
done <"$tmp/table"
echo "1..$count"
[ "$failed" = 0 ]
