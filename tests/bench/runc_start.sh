#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The floor for starting a workload: median wall time of N bare `runc run` of a
# bundle whose process exits at once, from exec of runc to its end.
#
#	tests/bench/runc_start.sh [N [BUNDLE]]
#
# Without BUNDLE: busybox `true` in a user namespace and all others, no network,
# no overlay, no log, no seccomp. With BUNDLE: that directory's config.json as it
# is (its process should end by itself).
set -eu

n=${1:-20}
[ "$(id -u)" = 0 ] || { echo "needs root" >&2; exit 77; }
command -v runc >/dev/null && command -v busybox >/dev/null ||
	{ echo "needs runc and busybox" >&2; exit 77; }
work=$(mktemp -d /var/tmp/gavel-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
chmod 711 "$work"
bundle=${2:-$work}
if [ $# -lt 2 ]; then
	mkdir -p "$work/root/bin" "$work/root/proc" "$work/root/dev"
	cp "$(command -v busybox)" "$work/root/bin/true"
	chown -R 100000:100000 "$work/root"
	cat >"$work/config.json" <<-'EOF'
	{"ociVersion":"1.0.2","hostname":"bench","root":{"path":"root","readonly":true},
	 "process":{"terminal":false,"user":{"uid":0,"gid":0},"args":["/bin/true"],"cwd":"/","noNewPrivileges":true,
	  "capabilities":{"bounding":[],"effective":[],"permitted":[]}},
	 "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
	  {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","size=64k"]}],
	 "linux":{"uidMappings":[{"containerID":0,"hostID":100000,"size":65536}],
	  "gidMappings":[{"containerID":0,"hostID":100000,"size":65536}],
	  "namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},{"type":"cgroup"},
	   {"type":"network"},{"type":"user"}]}}
	EOF
fi
i=0
while [ "$i" -lt "$n" ]; do
	start=$(date +%s%N)
	runc --root "$work/runc" run --bundle "$bundle" "gavel-bench-$$-$i" </dev/null
	echo $((($(date +%s%N) - start) / 1000))
	i=$((i + 1))
done | sort -n | awk '{ v[NR] = $1 / 1000 }
	END {
		if (NR == 0)
			exit 1
		p90 = int(NR * 0.9); if (p90 < 1) p90 = 1
		printf("runc run: n=%d min=%.1f median=%.1f p90=%.1f max=%.1f ms\n",
		       NR, v[1], v[int((NR + 1) / 2)], v[p90], v[NR])
	}'
