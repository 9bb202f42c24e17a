#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# images.sh [N] - N (20) leases of one image with a base layer of 64 MiB, at three
# providers: what is stored of it, and a launch with the image on disk beside one
# that fetches it first. Prints a table. Needs root, and a quiet machine.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$(dirname "$0")/../.." || exit 1
bench_load before
runs=${1:-20}
export GAVEL_TOP=$PWD GAVEL_DEMO_DIR=$PWD/build/bench-images GAVEL_DEMO_PORT=5580 GAVEL_DEMO_SETTLE=5000
. demo/lib.sh
set +e
export XDG_STATE_HOME=$dir/tenant-state
trap 'demo/stop.sh quiet' EXIT
demo/up.sh >/dev/null 2>&1 || { echo "the market does not come up" >&2; exit 1; }
sql() { as_user "$pg_bin/psql" -h "$dir/pgsock" -U gavel -d gavel -Atc "$1"; }

mkdir "$dir/base" && head -c 67108864 /dev/urandom >"$dir/base/noise"
umoci insert --rootless --image "$dir/image/oci:web" "$dir/base" /base >/dev/null 2>&1
skopeo --insecure-policy copy --quiet --dest-tls-verify=false "oci:$dir/image/oci:web" \
	"docker://127.0.0.1:$registry_port/gavel/web:2"
sed "s/127.0.0.1:5000/127.0.0.1:$registry_port/; s/web:1/web:2/" examples/web.yaml >"$dir/web.yaml"

for i in $(seq "$runs"); do
	tenant -q deploy "$dir/web.yaml" --deposit 0.1 --name "image$i" >/dev/null 2>&1 ||
		echo "deploy $i failed" >&2
done
leases=0 stores=0 bytes=0 mounted=0
for name in dc1 dc2 dc3; do
	n=$(find "$dir/$name/leases" -mindepth 1 -maxdepth 1 -type d | wc -l)
	[ "$n" -gt 0 ] || continue
	leases=$((leases + n)) stores=$((stores + 1))
	one=$(du -sb "$dir/$name/layers" | cut -f1)
	bytes=$((bytes + one)) mounted=$((mounted + n * one))
done
# A provider's first launch fetches.
spread() { # cold or warm
	sql "select count(*) || ' launches, ' || round(percentile_cont(0.5) within group (order by ms)::numeric, 1)
		|| ' [' || round(min(ms)::numeric, 1) || '-' || round(max(ms)::numeric, 1) || ']'
		from (select extract(epoch from (launched_at - created_at)) * 1000 as ms,
			row_number() over (partition by provider order by created_at) as n
			from gavel.lease where launched_at is not null) x where (n = 1) = ('$1' = 'cold')"
}
mib() { awk "BEGIN { printf \"%.1f\", $1 / 1048576 }"; }
echo "| figure | value |"
echo "| --- | --- |"
echo "| leases of one image, providers that hold it | $leases, $stores |"
echo "| stored in layers, all providers, MiB | $(mib $bytes) |"
echo "| what a copy for each lease would take, MiB | $(mib $mounted) |"
# The copies are arithmetic; that a provider holds little more than one base is not.
echo "| stored at each provider / the base layer | $(awk "BEGIN { printf \"%.2f\", $bytes / $stores / 67108864 }") |"
echo "| award signed -> workload healthy, image fetched first, ms | $(spread cold) |"
echo "| award signed -> workload healthy, image on disk, ms | $(spread warm) |"
bench_load after
