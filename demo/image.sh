#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# image.sh DIRECTORY PORT - a registry on loopback and in it gavel/web:1, made
# here from Debian's busybox-static: no image comes from the internet.
. "$(dirname "$0")/lib.sh"
dir=$1
port=$2

cat >"$dir/registry.yaml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: $dir/registry}}
http: {addr: "127.0.0.1:$port"}
log: {level: error}
END
start registry docker-registry serve "$dir/registry.yaml"
wait_for 20 "the registry" curl -sf "http://127.0.0.1:$port/v2/"

work=$dir/image
rm -rf "$work"
mkdir -p "$work/rootfs/bin" "$work/rootfs/www" "$work/rootfs/etc"
cp /bin/busybox "$work/rootfs/bin/busybox"
for applet in sh ls cat echo httpd sleep ps id hostname wget date seq dd env kill true; do
	ln -s busybox "$work/rootfs/bin/$applet"
done
printf 'root:x:0:0:root:/:/bin/sh\nweb:x:1000:1000:web:/www:/bin/sh\n' >"$work/rootfs/etc/passwd"
printf 'root:x:0:\nweb:x:1000:\n' >"$work/rootfs/etc/group"
printf 'hello from a lease\n' >"$work/rootfs/www/index.html"
cat >"$work/rootfs/bin/serve" <<'END'
#!/bin/sh
# A web server that says what it does: its page names the variable GREETING.
echo "serving on port 80 as $(id -u), greeting \"$GREETING\""
mkdir -p /tmp/www 2>/dev/null
echo "${GREETING:-hello} from a lease" >/tmp/www/index.html
exec httpd -f -vv -p 80 -h /tmp/www
END
ln -s busybox "$work/rootfs/bin/mkdir"
chmod 755 "$work/rootfs/bin/serve"
umoci init --layout "$work/oci" >/dev/null
umoci new --image "$work/oci:web" >/dev/null
umoci insert --rootless --image "$work/oci:web" "$work/rootfs/bin" /bin >/dev/null 2>&1
umoci insert --rootless --image "$work/oci:web" "$work/rootfs/etc" /etc >/dev/null 2>&1
umoci insert --rootless --image "$work/oci:web" "$work/rootfs/www" /www >/dev/null 2>&1
umoci config --image "$work/oci:web" --config.entrypoint /bin/serve --config.user web \
	--config.env PATH=/bin --architecture amd64 --os linux >/dev/null
skopeo --insecure-policy copy --quiet --dest-tls-verify=false "oci:$work/oci:web" \
	"docker://127.0.0.1:$port/gavel/web:1"
