# SPDX-License-Identifier: Apache-2.0
# Which unit test stands on which floor: it links that floor and those below.
FLOOR_lib      := amount arena bytes chan conf http id json tar task tls ws yaml
FLOOR_deploy   := akash akash_import akash_manifest apparmor bundle cdi compose group manifest oci resource sdl sdl_explain sdl_fmt sdl_lint
FLOOR_lease    := abi attest auction chain escrow evm frames jwt key keystore life price rlp seal terms tx viem
FLOOR_provider := capacity cgroup dns gate ingress keep layers meter net price_program pricing routes selfcheck settings unit_life untar update
