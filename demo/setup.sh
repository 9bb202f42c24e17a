#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# setup.sh - install what is missing: Debian packages, the EVM tools from npm,
# an unprivileged user. Says what it installs; silent when nothing is missing.
# No daemon of the machine is started, stopped or changed.
. "$(dirname "$0")/lib.sh"

packages="build-essential pkg-config ca-certificates curl
	libevent-dev libpq-dev libyajl-dev libssl-dev libcurl4-openssl-dev libfyaml-dev
	libsecp256k1-dev libsodium-dev libsqlite3-dev libarchive-dev libwslay-dev libyaml-dev
	postgresql postgresql-client runc skopeo umoci nftables iproute2 e2fsprogs
	docker-registry busybox-static haproxy lego pebble python3 jq bc libfaketime"
case "${1:-}" in
lint) packages="$packages clang-format clang-tidy cppcheck shellcheck libclang-rt-14-dev" ;;
esac

missing=
for p in $packages; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
command -v node >/dev/null 2>&1 || missing="$missing nodejs npm"
if [ -n "$missing" ]; then
	say "installing Debian packages:$missing"
	$SUDO apt-get update -qq >/dev/null
	# No cluster of its own, and no service, for a package that brings one.
	$SUDO mkdir -p /etc/postgresql-common/createcluster.d
	[ -e /etc/postgresql-common/createcluster.d/gavel.conf ] || [ -d /etc/postgresql ] ||
		printf 'create_main_cluster = false\n' |
		$SUDO tee /etc/postgresql-common/createcluster.d/gavel.conf >/dev/null
	# shellcheck disable=SC2086
	$SUDO env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
		apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
if ! id "$user" >/dev/null 2>&1; then
	say "adding the system user $user"
	$SUDO useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
fi
mkdir -p "$top/build"
"$top/lease/contracts/build.sh" "$top/build/contracts"
