# SPDX-License-Identifier: Apache-2.0
# Which unit test stands on which floor: it links that floor and those below.
FLOOR_lib      := amount arena bytes chan conf id json task yaml
FLOOR_deploy   := akash akash_import akash_manifest bundle group manifest oci resource sdl
FLOOR_lease    := abi auction chain escrow evm jwt key keystore life price rlp seal terms tx viem
FLOOR_provider := cgroup dns gate ingress layers meter net routes unit_life update
