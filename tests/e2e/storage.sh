#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# storage.sh - volumes and GPUs from the deployment file to the disk and back:
# written, kept at the close, taken over, deleted; a made-up GPU that goes to one
# lease at a time. TAP.
cd "$(dirname "$0")/../.." || exit 1
. tests/e2e/lib.sh storage
cdi=$(mktemp -d /var/tmp/gavel-cdi.XXXXXX)
cleanup() { rm -rf "$cdi"; }
chmod 755 "$cdi"
mknod -m 666 "$cdi/node" c 10 229
cat >"$cdi/test.json" <<END
{"cdiVersion": "0.6.0", "kind": "gavel.test/gpu", "devices": [{"name": "0", "containerEdits": {
 "deviceNodes": [{"path": "/dev/gpu0", "hostPath": "$cdi/node"}], "env": ["GPU_MODEL=t4"]}}]}
END
export GAVEL_DEMO_SETTINGS="volumes: [{class: beta2, bytes: 96MiB}]
volume_keep_s: 1h
gpus: [{device: \"gavel.test/gpu=0\", model: nvidia/t4/16Gi/pcie}]
cdi_dir: $cdi"
up

# file NAME VOLUME_MIB GPUS
file() {
	sed -e "s/127.0.0.1:5000/127.0.0.1:$registry_port/" \
		-e "s|^    expose:|    params: {storage: {data: {mount: /data}, scratch: {mount: /scratch}}}\n    expose:|" \
		-e "/^        storage:/,/size: 64Mi/c\\        storage:\n          - {size: 32Mi}\n          - {name: scratch, size: 8Mi, attributes: {class: ram}}\n          - {name: data, size: ${2}Mi, attributes: {persistent: true, class: beta2}}" \
		examples/web.yaml >"$dir/$1.yaml"
	[ "$3" = 0 ] || sed -i "s/^        memory:/        gpu: {units: $3, attributes: {vendor: {nvidia: [{model: t4}]}}}\n        memory:/" "$dir/$1.yaml"
}
file db 64 0
file gpu 5 1
file big 256 0
run() { tenant -q deploy "$dir/$1.yaml" --deposit 2 --name "$2" "${@:3}" >"$dir/$2.out" 2>&1; }
# The command's words in the deployment.
inside() { tenant exec "$1" -- sh -c "$2" </dev/null 2>&1; }

ok 'the file is good' tenant -q sdl check "$dir/db.yaml"
run db db
ok 'a workload with volumes runs' test $? = 0
inside db 'echo kept > /data/f; cat /data/f' >"$dir/write.out"
ok 'its user writes to the volume' grep -q '^kept' "$dir/write.out"
ok 'memory too' grep -q '^here' <<<"$(inside db 'echo here > /scratch/f; cat /scratch/f')"
ok 'the volume ends where it ends' grep -q 'No space left' <<<"$(inside db 'dd if=/dev/zero of=/data/big bs=1M count=99; : > /data/big')"
run big big --open-within 3
ok 'more than a provider has of the class: no bid' test $? = 8
ok 'it says capacity' grep -q 'declined: capacity' <<<"$(tenant bids big)"

tenant close db </dev/null >"$dir/close.out" 2>&1
ok 'close without a word on volumes: exit status 2' test $? = 2
ok 'and it says what to write' grep -q -- '--keep-volumes or --delete-volumes' "$dir/close.out"
tenant -q volumes db >"$dir/volumes.out"
ok 'the volume is in use' grep -q 'in use' "$dir/volumes.out"
tenant -q volumes rm "$(head -1 "$dir/volumes.out")" >"$dir/rm.out" 2>&1
ok 'what is in use cannot be removed: exit status 11' test $? = 11
run db early --volumes-from db --open-within 3
ok 'nor does it make room for a second one: exit status 8' test $? = 8
ok 'close and keep' tenant -q close --keep-volumes db
wait_for 20 "the end of the lease" sh -c "'$bin/gavel' -C '$dir/tenant.yaml' -q volumes db | grep -q 'kept until'"
ok 'it is kept, and it says until when' grep -q 'kept until 20' <<<"$(tenant -q volumes)"
run db again --volumes-from db
ok 'another deployment takes it over' test $? = 0
ok 'with what was written' grep -q '^kept' <<<"$(inside again 'cat /data/f')"
ok 'close and delete' tenant -q close --delete-volumes again
gone() { [ -z "$(find "$dir"/dc*/volumes -name '*-data*')" ]; }
wait_for 20 "the volume's end" gone
ok 'nothing of it is on any disk' gone
ok 'and nothing is listed' test -z "$(tenant -q volumes again)"

run gpu gpu1
ok 'a workload with a GPU runs' test $? = 0
ok 'it has the device and its variables' grep -q '^open t4' <<<"$(inside gpu1 'exec 3</dev/gpu0 && echo open $GPU_MODEL')"
run gpu gpu2
ok 'the next one goes to the next provider' test $? = 0
run gpu gpu3 --open-within 3
ok 'and then there is none: exit status 8' test $? = 8
tenant -q close --delete-volumes gpu1 >/dev/null
sleep 2
run gpu gpu4
ok 'a lease that ends frees it' test $? = 0
for name in gpu2 gpu4; do tenant -q close --delete-volumes $name >/dev/null; done

for name in dc1 dc2 dc3; do end $name; done
ok 'check finds the machine good' build/gavel-provider -c "$dir/dc1.yaml" check
sed 's/^overcommit.*//; s/cpu_milli: 4000/cpu_milli: 4000000/' "$dir/dc1.yaml" >"$dir/greedy.yaml"
build/gavel-provider -c "$dir/greedy.yaml" --json check >"$dir/check.out" 2>"$dir/check.err"
ok 'more than there is: exit status 1' test $? = 1
ok 'with the numbers' grep -q 'cpu_milli is 4000000, but the inventory' "$dir/check.out"
ok 'as JSON' node -e 'JSON.parse(require("fs").readFileSync(process.argv[1]))' "$dir/check.out"
timeout 20 build/gavel-provider -c "$dir/greedy.yaml" >"$dir/greedy.log" 2>&1
ok 'and it does not start' grep -q 'cpu_milli is 4000000' "$dir/greedy.log"
finish
