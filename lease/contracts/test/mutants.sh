#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mutants.sh [campaign] [all|PATTERN]: wrong contracts that the unit tests must notice;
# PATTERN: those whose name matches it. campaign: those that the invariants alone must
# notice, for a campaign that only ever passes proves little. Each line of the table
# changes one line of Escrow.sol (a sed expression); a mutant that does not change just
# that, does not compile or survives is a failure. Works in a copy. Some 10 seconds each
# where nothing else runs, and 20 in .ci/run.
set -eu

cd "$(dirname "$0")/.."
./build.sh
forge=$PWD/node_modules/@foundry-rs/forge-linux-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')/bin/forge
[ -x "$forge" ] || forge=$PWD/node_modules/.bin/forge

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/test"
cp -R src tools foundry.toml "$copy"
cp test/Vm.sol test/Base.sol test/Tokens.sol test/Probe.sol test/Wallets.sol test/*.t.sol "$copy/test"
if [ "${1:-}" = campaign ]; then
	shift
	campaign=yes
	rm "$copy"/test/*.t.sol
	cp test/Handler.sol test/Invariants.t.sol "$copy/test"
else
	campaign=
	rm "$copy/test/Gas.t.sol" "$copy/test/Invariants.t.sol"
fi
ln -s "$PWD/node_modules" "$copy/node_modules"
cp src/Escrow.sol "$copy/right.sol"
cd "$copy"

# Only the contract is compiled again for each, together with the tests and so
# without the IR pipeline, which is for gas and not for meaning.
mkdir -p out/test
ln -s test out/release
export FOUNDRY_FUZZ_RUNS=32 FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT=0

try() {
	# A sequence that broke the mutant before is not played again.
	rm -rf cache/fuzz cache/invariant cache/test-failures cache/test/fuzz cache/test/invariant
	"$forge" test --fail-fast >run.txt 2>&1
}

if ! try; then
	cat run.txt
	echo "the tests fail without any mutation"
	exit 1
fi

# What no call of the campaign would show: other chains, zero keys, tokens that call
# back, a bound that stands twice, a statement of a stranger in the payer's name.
blind="zero is a signer|cached separator on another chain|one unit too much claimed|no lock on the token"
blind="$blind|a statement is not looked at"

dead=0 alive=0
while IFS='	' read -r what edit; do
	case $what in
	'#'*) continue ;;
	---*) if [ -n "${1:-}" ]; then continue; else break; fi ;;
	esac
	case ${1:-all} in
	all) ;;
	*) echo "$what" | grep -qE "$1" || continue ;;
	esac
	[ -z "$campaign" ] || ! echo "$what" | grep -qxE "$blind" || continue
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
no cap at the deposit	s/paid = _min(_min(v.amount, _accrued(l.rate, upTo - start)), lock.deposit);/paid = _min(v.amount, _accrued(l.rate, upTo - start));/
no cap at the rate	s/paid = _min(_min(v.amount, _accrued(l.rate, upTo - start)), lock.deposit);/paid = _min(v.amount, lock.deposit);/
amounts may fall	s/if (v.amount < lock.paid || upTo < lock.upTo) return/if (upTo < lock.upTo) return/
a stop does not cap the time	s/upTo = _min(v.upTo, end);/upTo = v.upTo;/
payer not asked	/function _settle/,/^    }/s/if (!_mayPay(l, v, lock, payer)) return/if (l.rate == 0) return/
provider's consent not asked	/function _settle/,/^    }/s/if (!providerSaysSo) return/if (l.rate == 0) return/
zero is a signer	s/return signer == who \&\& who != address(0);/return signer == who;/
cached separator on another chain	s/return block.chainid == homeChain ? homeSeparator : _separator();/return homeSeparator;/
release not asked	s/if (!released) return/if (l.rate == 0) return/
no tombstone of a void	/function voidLease/,/^    }/s/_store(id, lock);/locks[id].bits = 0;/
refund too much	s/refund = lock.deposit - lock.paid;/refund = lock.deposit;/
fee not taken from the provider	s/g.credited += moved - fee;/g.credited += moved;/
nonce not looked at	/function _open(/,/^    }/s/if (_nonceUsed(o.tenant, was, o.nonce)) return/if (l.rate == 0) return/
award not asked	s/if (!auctioneerSaysSo) return/if (l.rate == 0) return/
void after a payment	s/require(lock.mark == lock.upTo, LeaseMoved());//
one unit too much claimed	s/lock.paid + _accrued(l.base, end - lock.upTo)));/lock.paid + _accrued(l.base, end - lock.upTo) + 1));/
finish before the window	s/require(block.timestamp >= aside.payableAt, TooEarly());//
old voucher kills a claim	s/if (aside.upTo <= lock.upTo) return (false, 0);/if (aside.upTo <= lock.upTo || lock.paid != 0) return (false, 0);/
topUp does not debit	/function topUp/,/^    }/s/_debit(msg.sender, amount);//
no lock on the token	s/require(!entered, Reentered());//
in a batch: no cap at the deposit	/function _settleRunning/,/^    }/s/let most := shr(160, w).*/let most := 0xffffffffffffffffffffffff/
in a batch: no cap at the rate	/function _settleRunning/,/^    }/s/most := div(.*/most := paid/
in a batch: anybody pays	s/or(no, or(iszero(payer), iszero(who)))/or(no, iszero(payer))/
in a batch: a stop is not seen	s/or(or(gt(start, upTo), gt(time, timestamp())), or(lt/or(or(0, gt(time, timestamp())), or(lt/
in a batch: the future	s/or(or(gt(start, upTo), gt(time, timestamp())), or(lt/or(or(gt(start, upTo), 0), or(lt/
in a batch: time falls	s/or(lt(time, upTo), shr(255, w)))/shr(255, w))/
in a batch: keys that were taken back	s/or(lt(time, upTo), shr(255, w)))/lt(time, upTo))/
in a batch: fee on the difference	s/let fee := sub(div(mul(paid, feeBps), 10000), div(mul(was, feeBps), 10000))/let fee := div(mul(moved, feeBps), 10000)/
in a batch: the provider need not send	s/|| flags \& PROVIDER_EACH == 0 \&\& _same(msg.sender, l.provider);/|| flags \& PROVIDER_EACH == 0;/
in a batch: the provider's signature	/function _settleEntry/,/^    }/s/ \&\& _signedHere(g, l.provider, hash, q);/;/
in a batch: the release's signature	s/\&\& _signedHere(g, l.provider, _releaseHash(v.lease, v.amount), q);/;/
in a batch: any head opens	s/if (g.inBounds) {/if (g.count != 0) {/
alone: any head opens	s/require(_headInBounds(o, l.provider), BadTerms());//
a statement is not looked at	s/require(_signedHere(g, g.payer, hash, g.payerSig), BadPayerSig());/{}/
a key without a limit	s/return v.amount <= k.limit \&\& v.upTo <= k.until;/return v.upTo <= k.until;/
a key for ever	s/return v.amount <= k.limit \&\& v.upTo <= k.until;/return v.amount <= k.limit;/
one word is enough to slash	s/require(_same(_recover(digest(b), sigB.r, sigB.vs), who), BadProviderSig());//
slashed for saying it twice	s/require(a != b, NoOffence());//
slashed twice	s/require(!slashed\[offence\], AlreadySlashed());//
---	the rest
rate counted from the last voucher	s/_accrued(l.rate, upTo - start)/_accrued(l.rate, upTo - lock.upTo)/
time may fall	s/if (v.amount < lock.paid || upTo < lock.upTo) return/if (v.amount < lock.paid) return/
future vouchers	/function _settle/,/^    }/s/if (v.upTo > block.timestamp) return/if (l.rate == 0) return/
future closings	/function _close/,/^    }/s/if (v.upTo > block.timestamp) return/if (l.rate == 0) return/
cosigner cannot sign	s/return payer == l.cosigner;/return false;/
auctioneer may sign vouchers	s/return payer == l.cosigner;/return payer == l.cosigner || payer == l.auctioneer;/
nobody pays	s/if (payer == address(0)) return false;//
high s alone	s/if (s > MAX_S) return address(0);//
close without voucher	s/if (v.amount > lock.paid) {/if (v.amount > type(uint96).max - 1) {/
payer not asked at the end	/function _close/,/^    }/s/if (!_mayPay(l, v, lock, payer)) return/if (l.rate == 0) return/
not erased at the end	/function _end/,/^    }/s/locks\[id\].bits = 0;//
fee on the difference	s/uint256 fee = paid \* l.feeBps \/ BPS - was \* l.feeBps \/ BPS;/uint256 fee = (paid - was) * l.feeBps \/ BPS;/
provider's lease not asked	/function _open(/,/^    }/s/if (!providerSaysSo) return/if (l.rate == 0) return/
a voided lease opens again	s/if (lock.bits != 0) return/if (l.rate == 0) return/
opens after openBy	s/if (block.timestamp > o.openBy) return/if (l.rate == 0) return/
opens without funds	s/if (uint96(was) < o.deposit) return/if (l.rate == 0) return/
rate above the order's	s/ \&\& l.rate <= o.maxRate//
base rounded down	s/add(mul(rate, baseBps), 9999)/mul(rate, baseBps)/
tenant's order not asked	s/if (!tenantSaysSo) return/if (l.rate == 0) return/
window too short	s/o.window >= minWindow \&\& //
provider may be cosigner	s/return provider != o.cosigner/return true/
provider may be tenant	s/\&\& l.provider != o.tenant/\&\& true/
deposit beyond its bits	s/ \&\& o.deposit <= MAX_DEPOSIT//
topUp beyond its bits	s/require(lock.deposit + amount <= MAX_DEPOSIT, BadTerms());//
void late	s/require(block.timestamp <= lock.mark + l.launch, TooLate());//
void by anybody	/function voidLease/,/^    }/s/require(msg.sender == l.auctioneer, NotAuctioneer());//
void does not free	/function voidLease/,/^    }/s/accounts\[l.tenant\].bits = _freeNonce.*//
claim during the launch	s/require(_stopped(lock) || block.timestamp > start + l.launch, TooEarly());//
claim at the full rate	s/_accrued(l.base, end - lock.upTo)/_accrued(l.rate, end - lock.upTo)/
voucher does not override a claim	s/uint256 due = lock.paid + _accrued(l.base, aside.upTo - lock.upTo);/uint256 due = lock.paid + aside.amount;/
expire before the window	s/require(block.timestamp >= lock.mark + l.window, TooEarly());//
expire a running lease	s/require(_stopped(lock), LeaseRuns());//
stop by anybody	/function stop/,/^    }/s/require(msg.sender == l.tenant, NotTenant());//
start lost at the stop	s/asides\[id\].start = uint32(lock.mark);//
topUp after a stop	/function topUp/,/^    }/s/require(!_stopped(lock), LeaseStopped());//
credits what was asked	s/_credit(to, arrived);/_credit(to, amount);/
false is success	s/done := and(done, and(.*/done := and(done, 1)/
half a word of a token is an answer	s/or(iszero(size), gt(size, 31))/1/
permit must succeed	s/try token.permit(\(.*\)) {} catch {}/token.permit(\1);/
nonces left behind are free	s/return top - nonce > 127 || account/return top - nonce <= 127 \&\& account/
key by anybody	/function setKey/,/^    }/s/require(msg.sender == l.tenant, NotTenant());//
limits fall	s/if (limit > k.limit) k.limit = limit;/k.limit = limit;/
revoked for the past	s/if (until < block.timestamp) until = uint32(_min(k.until, block.timestamp));//
the provider's statement is not looked at	s/require(_signedHere(g, l.provider, hash, g.providerSig), BadProviderSig());//
bytes past the end	/function _payGroup/,/^    }/s/require(last <= end, BadBatch());//
any wallet says yes	s/return answer == bytes32(bytes4(0x1626ba7e));/return answer != 0;/
half a word is an answer	s/if gt(returndatasize(), 31) { answer := mload(0) }/answer := mload(0)/
a wallet may burn all gas	s/uint256 most = WALLET_GAS;/uint256 most = gasleft();/
a bond leaves at once	s/require(block.timestamp >= b.leavesAt, TooEarly());//
more leaves than is left	s/if (b.leaving > b.amount) b.leaving = b.amount;//
all to the tenant	s/_credit(tenant, half);/_credit(tenant, amount);/
readings of two numbers	s/ \&\& a.seq == b.seq, NoOffence/, NoOffence/
bids of two rounds	s/ \&\& a.provider == b.provider \&\& a.round == b.round, NoOffence/ \&\& a.provider == b.provider, NoOffence/
tokens that rebase	s/require(!_answers(address(token_), "sharesOf(address)"), BadToken());//
slot: the key's bit is lost	s/locks\[id\].bits = lock.keyed << 255 | lock.deposit << 160/locks[id].bits = lock.deposit << 160/
slot: the key's bit is deposit	s/mstore(lock, shr(161, shl(1, w)))/mstore(lock, shr(160, w))/
slot: the key's bit is not set	s/            lock.keyed = 1;//
slot: nonces beside are forgotten	s/return (used | 1 << (top - nonce)) << 128/return (1 << (top - nonce)) << 128/
slot: the next nonce is the last	s/return account >> 96 == 0 ? 0 : uint32(account >> 96) + 1;/return uint32(account >> 96);/
slot: a void frees the one below too	s/return top - nonce > 127 ? account : account \& ~(1 << (128 + top - nonce));/return top - nonce > 127 ? account : account \& ~(uint256(3) << (128 + top - nonce));/
key: the provider's own	s/ \&\& key != l.provider, BadKey/, BadKey/
key: the cosigner begins at nothing	s/if (!k.said \&\& key == l.cosigner) (k.limit, k.until) = .*//
key: of another lease	s/Key memory k = keys\[v.lease\]\[payer\];/Key memory k = keys[0][payer];/
key: a revoked cosigner	s/if (k.said) return v.amount/if (k.said \&\& payer != l.cosigner) return v.amount/
statement: not over the last	s/uint256 size = 32 \* g.count;/uint256 size = 32 * (g.count - 1);/
statement: the provider's closes	s/(closes ? 0 : PROVIDER_STATEMENT)/PROVIDER_STATEMENT/
statement: flags that do not belong	s/require(flags \& ~allowed == 0, BadBatch());//
group: credits of the one before	s/        g.credited = 0;//
group: fees of the one before	s/        g.fees = 0;//
bond: for nothing	/function bond(/,/^    }/s/_debit(msg.sender, amount);//
bond: more leaves than there is	s/require(amount <= b.amount, NoFunds());//
bond: leaves and stays	/function reclaim/,/^    }/s/b.amount -= amount;//
bond: leaves twice	/function reclaim/,/^    }/s/b.leaving = 0;//
bond: notice of a week is of now	s/b.leavesAt = uint32(block.timestamp + BOND_NOTICE);/b.leavesAt = uint32(block.timestamp);/
slash: the first word is enough	s/require(_same(_recover(digest(a), sigA.r, sigA.vs), who), BadProviderSig());//
slash: nothing is burnt	s/_credit(BURNT, amount - half);//
slash: all of the bond	s/uint256 amount = _min(b.amount, 2 \* deposited);/uint256 amount = b.amount;/
slash: once, but the bond stays	/function _slash/,/^    }/s/b.amount -= uint96(amount);//
slash: rounds of two numbers	/function slashRounds/,/^    }/s/ \&\& a.round == b.round, NoOffence/, NoOffence/
slash: bids of two providers	/function slashBids/,/^    }/s/ \&\& a.provider == b.provider//
slash: readings of another lease	s/require(a.lease == subject \&\& b.lease == subject/require(a.lease == subject/
slash: rounds of another order	/function slashRounds/,/^    }/s/ \&\& b.order == subject//
slash: one offence for all	s/bytes32 offence = keccak256(abi.encode(who, subject));/bytes32 offence = keccak256(abi.encode(subject));/
EOF

echo "$dead mutants dead, $alive alive"
[ "$alive" = 0 ]
