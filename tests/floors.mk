# SPDX-License-Identifier: Apache-2.0
# Which unit test stands on which floor: it links that floor and those below.
FLOOR_lib      := amount arena bytes chan conf id json task tls yaml
FLOOR_deploy   := apparmor bundle cdi group manifest oci resource sdl
FLOOR_lease    := abi auction chain escrow evm jwt key keystore life price rlp seal terms tx viem
FLOOR_provider := capacity cgroup dns gate ingress keep layers meter net routes selfcheck settings unit_life untar update
