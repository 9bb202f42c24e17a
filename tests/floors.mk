# SPDX-License-Identifier: Apache-2.0
# Which unit test stands on which floor: it links that floor and those below.
FLOOR_lib      := amount arena bytes chan conf http id json tar task tls ws yaml
FLOOR_deploy   := akash akash_import akash_manifest apparmor bundle cdi compose group manifest oci resource sdl sdl_explain sdl_fmt sdl_lint sdl_spread
FLOOR_lease    := abi attest auction auction_properties audit audit_book audit_lease audit_tick bond chain dues escrow evm frames head index jwt key keystore lasting ledger life nodes offence offer pool price reading recount rlp seal sealed_rounds signer spot spot_owed spread_rows standing terms tick_transcript tx viem
FLOOR_provider := aside book capacity cgroup dns doubt gate image ingress keep layers meter mounts net offering price_program pricing rival routes selfcheck sent settings trash unit_life untar update
