#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mutants.sh [all]: wrong contracts that the unit tests must notice. Each line of
# the table changes one line of Escrow.sol (a sed expression); a mutant that does
# not change just that, does not compile or survives is a failure. Works in a
# copy. The first part of the table takes under three minutes, all of it eight.
set -eu

cd "$(dirname "$0")/.."
./build.sh
forge=$PWD/node_modules/@foundry-rs/forge-linux-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')/bin/forge
[ -x "$forge" ] || forge=$PWD/node_modules/.bin/forge

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/test"
cp -R src tools foundry.toml "$copy"
cp test/Vm.sol test/Base.sol test/Tokens.sol test/Probe.sol test/Escrow.t.sol test/Attacks.t.sol test/Fuzz.t.sol "$copy/test"
ln -s "$PWD/node_modules" "$copy/node_modules"
cp src/Escrow.sol "$copy/right.sol"
cd "$copy"

# Only the contract is compiled again for each, together with the tests and so
# without the IR pipeline, which is for gas and not for meaning.
mkdir -p out/test
ln -s test out/release
export FOUNDRY_FUZZ_RUNS=32

try() {
	"$forge" test --fail-fast >run.txt 2>&1
}

if ! try; then
	cat run.txt
	echo "the tests fail without any mutation"
	exit 1
fi

dead=0 alive=0
while IFS='	' read -r what edit; do
	case $what in
	'#'*) continue ;;
	---*) if [ "${1:-}" = all ]; then continue; else break; fi ;;
	esac
	sed "$edit" right.sol >src/Escrow.sol
	lines=$(diff right.sol src/Escrow.sol | grep -c '^>' || :)
	if [ "$lines" != 1 ]; then
		echo "FAIL $what: changes $lines lines"
		alive=$((alive + 1))
	elif try; then
		echo "FAIL $what: survived"
		alive=$((alive + 1))
	elif ! grep -q '^\[FAIL' run.txt; then
		echo "FAIL $what: does not compile"
		alive=$((alive + 1))
	else
		dead=$((dead + 1))
	fi
done <<'EOF'
# what is wrong	the change
no cap at the deposit	s/return (_min(_min(amount, _accrued(lease.rate, upTo - start)), lock.deposit), upTo);/return (_min(amount, _accrued(lease.rate, upTo - start)), upTo);/
no cap at the rate	s/return (_min(_min(amount, _accrued(lease.rate, upTo - start)), lock.deposit), upTo);/return (_min(amount, lock.deposit), upTo);/
amounts may fall	s/if (s.amount < lock.paid || upTo < lock.upTo) return/if (upTo < lock.upTo) return/
a stop does not cap the time	s/if (upTo > end) upTo = end;//
payer's signature not asked	s/if (!_signedByPayer(s.lease, voucher, s.payerSig)) return/if (id == 0) return/
provider's consent not asked	s/if (msg.sender != s.lease.provider && !_signed(s.lease.provider, voucher, s.providerSig)) {/if (id == 0) {/
zero is a signer	s/return signer != address(0) \&\& (signer == lease.tenant/return (signer == lease.tenant/
cached separator on another chain	s/return block.chainid == homeChain ? homeSeparator : _separator();/return homeSeparator;/
release not asked	s/msg.sender != c.lease.provider$/msg.sender == address(0)/
no tombstone of a void	/function voidLease/,/^    }/s/lock.deposit = 0;//
refund too much	s/uint96 refund = lock.deposit - lock.paid;/uint96 refund = lock.deposit;/
fee not taken from the provider	s/uint256 credited = paid - lock.paid - fee;/uint256 credited = paid - lock.paid;/
nonce not looked at	s/if (nonceUsed(order.tenant, order.nonce)) return/if (id == 0) return/
award not asked	s/msg.sender != order.auctioneer$/msg.sender == address(0)/
void after a payment	s/require(lock.mark == lock.upTo, LeaseMoved());//
one unit too much claimed	s/lock.paid + _accrued(lease.base, end - lock.upTo)));/lock.paid + _accrued(lease.base, end - lock.upTo)) + 1);/
finish before the window	s/require(block.timestamp >= aside.payableAt, TooEarly());//
old voucher kills a claim	s/if (aside.upTo <= lock.upTo) return false;/if (aside.upTo <= lock.upTo || lock.paid != 0) return false;/
topUp does not debit	/function topUp/,/^    }/s/_debit(msg.sender, amount);//
no lock on the token	s/require(!entered, Reentered());//
---	the rest
rate counted from the last voucher	s/_accrued(lease.rate, upTo - start)/_accrued(lease.rate, upTo - lock.upTo)/
time may fall	s/if (s.amount < lock.paid || upTo < lock.upTo) return/if (s.amount < lock.paid) return/
future vouchers	s/if (s.upTo > block.timestamp) return/if (s.upTo > type(uint32).max) return/
cosigner cannot sign	s/(signer == lease.tenant || signer == lease.cosigner)/signer == lease.tenant/
auctioneer may sign vouchers	s/(signer == lease.tenant || signer == lease.cosigner)/(signer == lease.tenant || signer == lease.cosigner || signer == lease.auctioneer)/
high s	s/if (s > MAX_S) return address(0);//
close without voucher	s/if (c.amount > lock.paid) {/if (c.amount > type(uint96).max - 1) {/
no tombstone at the end	/function _end/,/^    }/s/lock.deposit = 0;//
fee on the difference	s/uint256 fee = paid \* lease.feeBps \/ BPS - uint256(lock.paid) \* lease.feeBps \/ BPS;/uint256 fee = (paid - lock.paid) * lease.feeBps \/ BPS;/
a voided lease opens again	s/if (locks\[id\].upTo != 0) return/if (id == 0) return/
opens after openBy	s/if (block.timestamp > order.openBy) return/if (id == 0) return/
opens without funds	s/if (balanceOf\[order.tenant\] < order.deposit) return/if (id == 0) return/
rate above the order's	s/\&\& lease.rate <= order.maxRate/\&\& true/
base rounded down	s/order.baseBps + BPS - 1) \/ BPS/order.baseBps) \/ BPS/
tenant's order not asked	s/if (!_signed(order.tenant, hash, o.tenantSig)) return/if (id == 0) return/
window too short	s/order.window >= minWindow/true/
provider may be cosigner	s/\&\& lease.provider != order.cosigner/\&\& true/
void late	s/require(block.timestamp <= uint256(lock.mark) + lease.launch, TooLate());//
void by anybody	s/require(msg.sender == lease.auctioneer, NotAuctioneer());//
void frees another nonce	s/require(orderHash(order) == lease.order, BadTerms());//
claim during the launch	s/require(_stopped(lock) || block.timestamp > uint256(start) + lease.launch, TooEarly());//
claim at the full rate	s/_accrued(lease.base, end - lock.upTo)/_accrued(lease.rate, end - lock.upTo)/
voucher does not override a claim	s/uint256 due = lock.paid + _accrued(lease.base, aside.upTo - lock.upTo);/uint256 due = uint256(lock.paid) + aside.amount;/
expire before the window	s/require(block.timestamp >= uint256(lock.mark) + lease.window, TooEarly());//
expire a running lease	s/require(_stopped(lock), LeaseRuns());//
stop by anybody	s/require(msg.sender == lease.tenant, NotTenant());//
start lost at the stop	s/asides\[id\].start = lock.mark;//
topUp after a stop	/function topUp/,/^    }/s/require(!_stopped(lock), LeaseStopped());//
credits what was asked	s/balanceOf\[to\] += arrived;/balanceOf[to] += amount;/
false is success	s/require(done \&\& (answer.length == 0 || abi.decode(answer, (bool))), BadToken());/require(done, BadToken());/
permit must succeed	s/try token.permit(\(.*\)) {} catch {}/token.permit(\1);/
EOF

echo "$dead mutants dead, $alive alive"
[ "$alive" = 0 ]
