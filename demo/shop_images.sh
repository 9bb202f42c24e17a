#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shop_images.sh DIRECTORY PORT - the three images of examples/shop.yaml, on top of
# the one that image.sh has made: gavel/web:2, gavel/api:1 and gavel/db:1.
. "$(dirname "$0")/lib.sh"
oci=$1/image/oci
port=$2
root=$1/image/shop
files=$top/demo/shop

# image NAME TAG: $root as a layer of its own, under that name.
image() {
	for applet in nc rm rmdir mv usleep tail timeout; do
		ln -sf busybox "$root/bin/$applet"
	done
	cp "$files/ask" "$root/bin/ask"
	echo ok >"$root/www/healthz"
	umoci tag --image "$oci:web" "$1-$2" >/dev/null
	umoci insert --rootless --image "$oci:$1-$2" "$root/bin" /bin >/dev/null 2>&1
	umoci insert --rootless --image "$oci:$1-$2" "$root/www" /www >/dev/null 2>&1
	skopeo --insecure-policy copy --quiet --dest-tls-verify=false "oci:$oci:$1-$2" \
		"docker://127.0.0.1:$port/gavel/$1:$2"
	rm -rf "$root"
}
fresh() {
	rm -rf "$root"
	mkdir -p "$root/bin" "$root/www/cgi-bin"
}

fresh
cp "$files/web-serve" "$root/bin/serve"
cp "$files/web-buy" "$root/www/cgi-bin/buy"
echo "The shop is open: /cgi-bin/buy" >"$root/www/index.html"
image web 2
fresh
cp "$files/api-serve" "$root/bin/serve"
cp "$files/api-answer" "$root/bin/answer"
cp "$files/api-next" "$root/www/cgi-bin/next"
image api 1
fresh
cp "$files/db-serve" "$root/bin/serve"
cp "$files/db-ready" "$root/bin/ready"
cp "$files/db-next" "$root/www/cgi-bin/next"
cp "$files/db-count" "$root/www/cgi-bin/count"
image db 1
