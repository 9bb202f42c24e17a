// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The calls made of the token. `permit` (EIP-2612) need not be there.
interface IToken {
    function balanceOf(address who) external view returns (uint256);
    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external;
}

/// @title Escrow: holds what tenants put aside, pays providers for what both sides signed or what time makes due,
/// and gives back the rest.
///
/// @notice Nobody owns it, pauses it or replaces it; it serves one token for ever.
///
///                 deposit                 open
///      token  ------------->  balance  ---------->  lease's deposit
///        ^                    ^  ^  ^                 |    |     |
///        |     withdraw       |  |  |   provider's    |    |     |
///        +--------------------+  |  +-----------------+    |     |    settle, finish
///                                |      auctioneer's fee   |     |
///                                +-------------------------+     |
///                                |      tenant's refund          |
///                                +-------------------------------+    close, expire, void
///
/// The life of a lease, each arrow with the function that walks it:
///
///      unknown --open--> running --stop--> stopped
///                         |  |  |            |  |
///                         |  |  +----close---+  |
///                         |  |               |  |
///                         |  +--voidLease--> ended <--expire--
///
///  - running, stopped: deposit > 0; paid <= deposit; paid <= floor(rate x (upTo - start) / 10^9).
///  - ended: deposit = 0, and it stays so: the slot is a tombstone, the lease cannot be opened again.
///
/// THE RATE BOUND. Rates are 10^-9 token base units a second. Whatever is signed, no more is ever paid than
/// floor(rate x seconds / 10^9) counted once from the lease's start, so rounding never accumulates and a voucher that
/// both sides computed from the start is payable to the last unit. The start costs no slot: the lease's only slot has
/// one time field, `mark`, that holds the start while the lease runs. When the tenant stops it, the start moves aside
/// (see `Aside`) and `mark` takes the stop. Running leases therefore cost one slot, and settling one reads one slot.
/// A claim, which the provider makes alone, adds floor(base x (upTo - last upTo) / 10^9) to what was paid: a sum of
/// floors is at most the floor of the sum and base <= rate, so the bound above holds for claims too, and what rounding
/// cuts off stays in the deposit.
///
/// SIGNATURES are EIP-712 typed data in the compact form of EIP-2098 with low s, by plain accounts. They are never
/// used up: vouchers are cumulative and monotone (a replay pays nothing), orders carry a nonce.
contract Escrow {
    // ------------------------------------------------------------------
    // What people sign. Field by field the types of lease/terms.h.

    /// @notice The tenant's wish. Alone it opens nothing.
    struct Order {
        address tenant;
        bytes32 group; // hash of what is asked for
        uint128 maxRate;
        uint16 baseBps; // share of the rate that accrues without a signature; 10000: all
        uint96 deposit;
        uint32 openBy; // unix seconds: not opened later
        uint32 window; // seconds to answer a claim or a stop
        uint32 launch; // seconds after opening in which the auctioneer may void
        address auctioneer; // who may say which provider it is
        address cosigner; // may sign vouchers for the tenant; zero: nobody
        uint16 feeBps; // of what is paid, to the auctioneer
        uint64 nonce; // one live lease per tenant and nonce
    }

    /// @notice The provider's acceptance. Its struct hash is the lease id.
    struct Lease {
        bytes32 order;
        address tenant;
        address provider;
        address auctioneer;
        address cosigner;
        uint128 rate; // the most that accrues
        uint128 base; // what accrues without a signature
        uint96 deposit;
        uint32 openBy;
        uint32 window;
        uint32 launch;
        uint16 feeBps;
    }

    /// @notice A signature in the compact form of EIP-2098: `vs` is s with the parity in its top bit.
    struct Sig {
        bytes32 r;
        bytes32 vs;
    }

    // ------------------------------------------------------------------
    // What is handed in.

    struct Opening {
        Order order;
        Lease lease;
        Sig tenantSig; // over the Order
        Sig providerSig; // over the Lease; not looked at when the provider sends
        Sig auctioneerSig; // over the Award; not looked at when the auctioneer sends
        bytes32 record; // of the auction, named in the Award
    }

    struct Settlement {
        Lease lease;
        uint96 amount; // cumulative
        uint32 upTo;
        Sig payerSig; // tenant's or cosigner's, over the Voucher
        Sig providerSig; // over the same Voucher; not looked at when the provider sends
    }

    struct Closing {
        Lease lease;
        uint96 amount; // cumulative, final
        uint32 upTo;
        Sig payerSig; // over the Voucher; not looked at when the amount is already paid
        Sig releaseSig; // the provider's over the Release; not looked at when the provider sends
    }

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant ORDER_TYPEHASH = keccak256(
        "Order(address tenant,bytes32 group,uint128 maxRate,uint16 baseBps,uint96 deposit,uint32 openBy,uint32 window,uint32 launch,address auctioneer,address cosigner,uint16 feeBps,uint64 nonce)"
    );
    bytes32 private constant AWARD_TYPEHASH =
        keccak256("Award(bytes32 order,address provider,uint128 rate,bytes32 record)");
    bytes32 private constant LEASE_TYPEHASH = keccak256(
        "Lease(bytes32 order,address tenant,address provider,address auctioneer,address cosigner,uint128 rate,uint128 base,uint96 deposit,uint32 openBy,uint32 window,uint32 launch,uint16 feeBps)"
    );
    bytes32 private constant VOUCHER_TYPEHASH = keccak256("Voucher(bytes32 lease,uint96 amount,uint32 upTo)");
    bytes32 private constant RELEASE_TYPEHASH = keccak256("Release(bytes32 lease,uint96 amount)");

    // ------------------------------------------------------------------
    // What happened. Every internal balance follows from these alone:
    //
    //   Deposited  to         + amount          Withdrawn  from    - amount
    //   Opened     tenant     - deposit         ToppedUp   from    - amount
    //   Settled    provider   + credited        Closed     tenant  + refund
    //              auctioneer + fee             Voided     tenant  + refund
    //
    // and so does what a lease holds: + Opened.deposit + ToppedUp.amount - Settled.credited - Settled.fee
    // - Closed.refund - Voided.refund. Claimed, Stopped, Cancelled and Skipped move nothing.

    event Deposited(address indexed to, address from, uint96 amount);
    event Withdrawn(address indexed from, address to, uint96 amount);
    event Opened(
        bytes32 indexed lease,
        bytes32 indexed order,
        address indexed tenant,
        address provider,
        uint128 rate,
        uint96 deposit
    );
    event ToppedUp(bytes32 indexed lease, address indexed from, uint96 amount);
    /// @param amount cumulative, what the lease has paid since it began; credited + fee is what this event added
    event Settled(
        bytes32 indexed lease,
        address indexed tenant,
        address indexed provider,
        address auctioneer,
        uint96 amount,
        uint96 credited,
        uint96 fee,
        uint32 upTo
    );
    event Closed(
        bytes32 indexed lease, address indexed tenant, address indexed provider, uint96 paid, uint96 refund
    );
    event Voided(bytes32 indexed lease, bytes32 indexed order, address indexed tenant, uint96 refund);
    event Claimed(bytes32 indexed lease, address indexed provider, uint96 amount, uint32 upTo, uint32 payableAt);
    event Stopped(bytes32 indexed lease, address indexed tenant, uint32 stopAt);
    event Cancelled(address indexed tenant, uint64 nonce);
    /// @param reason selector of the error that a call for this one entry alone would end with
    event Skipped(bytes32 indexed id, bytes4 reason);

    // ------------------------------------------------------------------
    // Why not.

    error BadTerms(); // order and lease disagree, or a bound is broken
    error Expired(); // past openBy
    error NonceUsed(); // the order has a lease, had one, or was cancelled
    error AlreadyOpen(); // this very lease is or was open
    error NoFunds(); // internal balance too small
    error BadTenantSig();
    error BadProviderSig();
    error BadAuctioneerSig();
    error BadPayerSig();
    error BadReleaseSig();
    error UnknownLease();
    error LeaseEnded();
    error LeaseStopped();
    error LeaseRuns(); // only for stopped leases
    error LeaseMoved(); // something was settled or the lease was stopped: too late to void
    error FutureVoucher(); // upTo is later than this block
    error Stale(); // older than what was settled, or nothing new
    error NothingToClaim();
    error TooEarly();
    error TooLate();
    error NotTenant();
    error NotProvider();
    error NotAuctioneer();
    error BadToken(); // no contract, or it does not act like an ERC-20 token
    error BadRecipient();
    error Reentered();

    // ------------------------------------------------------------------
    // What is kept.

    uint256 private constant RATE_UNIT = 1e9;
    uint256 private constant BPS = 10_000;
    uint256 private constant MAX_FEE_BPS = 2_000;
    uint256 private constant MAX_LAUNCH = 1 hours;
    uint256 private constant MAX_WINDOW = 30 days;
    uint256 private constant LEAST_MIN_WINDOW = 10;
    /// n/2 of secp256k1: a higher s is the mirror of a signature, and refused.
    uint256 private constant MAX_S = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @dev A lease, in one slot, under its id; the terms come back as calldata. Unknown: all zero.
    struct Lock {
        uint96 deposit; // 0: ended
        uint96 paid; // cumulative
        uint32 upTo; // time that is accounted for
        // Running: the start, so mark <= upTo. Stopped: the first second that no longer counts, so mark > upTo.
        uint32 mark;
    }

    /// @dev What only claims and stopped leases need; settling a running lease does not read it.
    struct Aside {
        uint96 amount; // claimed, cumulative
        uint32 upTo; // claimed; pending while later than the lock's
        uint32 payableAt;
        uint32 start; // moved here when the lease is stopped
    }

    /// @notice The token that is held, for ever.
    IToken public immutable token;
    /// @notice The shortest window that an order may ask for, in seconds.
    uint32 public immutable minWindow;
    uint256 private immutable homeChain;
    bytes32 private immutable homeSeparator;

    /// @notice What `who` may withdraw, open leases with, or top up with.
    mapping(address who => uint256) public balanceOf;
    mapping(bytes32 lease => Lock) private locks;
    mapping(bytes32 lease => Aside) private asides;
    mapping(address tenant => mapping(uint256 word => uint256 bits)) private nonces;

    bool private transient entered;

    /// @dev Around the functions that call the token: a deposit measures balances, so nothing of ours may move tokens
    /// while it does.
    modifier guarded() {
        require(!entered, Reentered());
        entered = true;
        _;
        entered = false;
    }

    /// @param token_ a plain ERC-20 token. One that takes a fee is credited with what arrives; one that changes
    /// balances by itself must not be used.
    /// @param minWindow_ at least 10 seconds; where money is at stake 10 minutes or more
    constructor(IToken token_, uint32 minWindow_) {
        require(address(token_).code.length != 0, BadToken());
        require(minWindow_ >= LEAST_MIN_WINDOW && minWindow_ <= MAX_WINDOW, BadTerms());
        token = token_;
        minWindow = minWindow_;
        homeChain = block.chainid;
        homeSeparator = _separator();
    }

    // ------------------------------------------------------------------
    // In and out.

    /// @notice Anyone: moves `amount` of the sender's tokens here and credits `to` with what arrived.
    function deposit(address to, uint96 amount) external guarded {
        _deposit(to, amount);
    }

    /// @notice Anyone: as `deposit`, with the approval as an EIP-2612 signature of the sender. The permit may fail:
    /// anybody can have used it before us, and then the allowance is there already.
    function depositWithPermit(address to, uint96 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        guarded
    {
        try token.permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(to, amount);
    }

    /// @notice Anyone: moves `amount` of the sender's internal balance to `to` as tokens. The only way out.
    function withdraw(address to, uint96 amount) external guarded {
        require(to != address(0) && to != address(this), BadRecipient());
        _debit(msg.sender, amount);
        emit Withdrawn(msg.sender, to, amount);
        _callToken(abi.encodeWithSelector(0xa9059cbb, to, amount)); // transfer(address,uint256)
    }

    // ------------------------------------------------------------------
    // Opening.

    /// @notice Anyone who holds the signatures: opens a lease and locks the tenant's deposit in it. Needs the tenant's
    /// Order, the provider's Lease and the auctioneer's Award, so nobody can bind a tenant to a provider or a price
    /// that the auctioneer of its choice did not name, nor a provider to anything; the tenant may be asleep.
    function open(Opening calldata o) external {
        (, bytes4 reason) = _open(o);
        if (reason != 0) _revert(reason);
    }

    /// @notice Anyone: opens many. An entry that cannot be opened is skipped with its reason and harms no other.
    function openMany(Opening[] calldata list) external {
        for (uint256 i = 0; i < list.length; i++) {
            (bytes32 id, bytes4 reason) = _open(list[i]);
            if (reason != 0) emit Skipped(id, reason);
        }
    }

    /// @notice The tenant: burns a nonce of its own, so that orders under it open nothing. Moves nothing.
    function cancel(uint64 nonce) external {
        require(!nonceUsed(msg.sender, nonce), NonceUsed());
        _flipNonce(msg.sender, nonce);
        emit Cancelled(msg.sender, nonce);
    }

    /// @notice The lease's auctioneer, within `launch` seconds of the opening and only while nothing else happened:
    /// gives the whole deposit back to the tenant, because the winner never launched. The order's nonce is free again,
    /// so the next bidder can be leased under the same order while openBy lasts, with nobody awake; this lease is not.
    function voidLease(Order calldata order, Lease calldata lease) external {
        (bytes32 id, Lock memory lock) = _live(lease);
        require(msg.sender == lease.auctioneer, NotAuctioneer());
        require(orderHash(order) == lease.order, BadTerms());
        require(lock.mark == lock.upTo, LeaseMoved()); // so the mark is the start, and nothing was paid
        require(block.timestamp <= uint256(lock.mark) + lease.launch, TooLate());

        uint96 refund = lock.deposit;
        lock.deposit = 0;
        locks[id] = lock;
        _flipNonce(order.tenant, order.nonce);
        balanceOf[lease.tenant] += refund;
        emit Voided(id, lease.order, lease.tenant, refund);
    }

    /// @notice Anyone: adds `amount` of its own internal balance to a running lease. It can come back only as the
    /// tenant's refund. Refused after a stop: the tenant has said that it wants no more.
    function topUp(Lease calldata lease, uint96 amount) external {
        (bytes32 id, Lock memory lock) = _live(lease);
        require(!_stopped(lock), LeaseStopped());
        _debit(msg.sender, amount);
        lock.deposit += amount; // checked: at most 2^96 - 1
        locks[id] = lock;
        emit ToppedUp(id, msg.sender, amount);
    }

    // ------------------------------------------------------------------
    // Paying what both sides signed.

    /// @notice Anyone who holds the signatures: pays vouchers, each signed by the tenant or its cosigner and by the
    /// provider (or sent by it). Moves from the lease's deposit to the provider and, the fee, to the auctioneer.
    /// Amounts are cumulative; what the rate or the deposit does not cover is capped, not refused. An entry that is
    /// stale, ended, unknown, in the future or badly signed is skipped with its reason and harms no other.
    function settleMany(Settlement[] calldata list) external {
        for (uint256 i = 0; i < list.length; i++) {
            (bytes32 id, bytes4 reason) = _settle(list[i]);
            if (reason != 0) emit Skipped(id, reason);
        }
    }

    /// @notice Anyone who holds the signatures: pays the last voucher and ends the lease at once. Needs the provider's
    /// Release of exactly this amount (or the provider as sender): it gives up the rest. Needs the payer's voucher
    /// unless the amount is what was paid already: a provider may always leave. The tenant gets deposit - paid.
    function closeMany(Closing[] calldata list) external {
        for (uint256 i = 0; i < list.length; i++) {
            (bytes32 id, bytes4 reason) = _close(list[i]);
            if (reason != 0) emit Skipped(id, reason);
        }
    }

    // ------------------------------------------------------------------
    // When the other side is silent.

    /// @notice The tenant: nothing accrues after this second. Moves nothing; within `window` the provider may still
    /// settle what was signed or claim the base, then anyone may `expire` the lease.
    function stop(Lease calldata lease) external {
        (bytes32 id, Lock memory lock) = _live(lease);
        require(msg.sender == lease.tenant, NotTenant());
        require(!_stopped(lock), LeaseStopped());
        asides[id].start = lock.mark;
        lock.mark = uint32(block.timestamp) + 1;
        locks[id] = lock;
        emit Stopped(id, lease.tenant, uint32(block.timestamp));
    }

    /// @notice The provider alone: asks for the base accrued since the last accounted second, in a cumulative `amount`
    /// (capped to what accrued; it may ask for less). Moves nothing yet: payable after `window`, in which a voucher of
    /// both sides for the same time takes its place. A wider claim replaces a pending one and waits anew. Not while
    /// the auctioneer may still void the lease, so that a winner that never launched cannot claim its way past it.
    function claim(Lease calldata lease, uint96 amount) external {
        (bytes32 id, Lock memory lock) = _live(lease);
        Aside storage aside = asides[id];
        require(msg.sender == lease.provider, NotProvider());
        (uint32 start, uint32 end) = _span(id, lock);
        require(_stopped(lock) || block.timestamp > uint256(start) + lease.launch, TooEarly());
        require(end > lock.upTo && end > aside.upTo, NothingToClaim());
        amount = uint96(_min(amount, lock.paid + _accrued(lease.base, end - lock.upTo)));
        require(amount > lock.paid, NothingToClaim());

        uint32 payableAt = uint32(block.timestamp) + lease.window;
        aside.amount = amount;
        aside.upTo = end;
        aside.payableAt = payableAt;
        emit Claimed(id, lease.provider, amount, end, payableAt);
    }

    /// @notice Anyone, once a claim's window is over: pays it, less what vouchers have paid for the same time since.
    /// Moves from the lease's deposit to the provider and the auctioneer.
    function finish(Lease calldata lease) external {
        (bytes32 id, Lock memory lock) = _live(lease);
        require(_finish(lease, id, lock), NothingToClaim());
        locks[id] = lock;
    }

    /// @notice Anyone, once a stopped lease's window is over: pays the claim that is left, if any (its own window must
    /// be over too), and gives deposit - paid back to the tenant. So no lease outlives stop + two windows against the
    /// tenant's will, and nobody's signature is needed for it.
    function expire(Lease calldata lease) external {
        (bytes32 id, Lock memory lock) = _live(lease);
        require(_stopped(lock), LeaseRuns());
        require(block.timestamp >= uint256(lock.mark) + lease.window, TooEarly());
        _finish(lease, id, lock);
        _end(lease, id, lock);
    }

    // ------------------------------------------------------------------
    // Looking.

    /// @notice hashStruct of the order.
    function orderHash(Order calldata order) public pure returns (bytes32 hash) {
        bytes32 typeHash = ORDER_TYPEHASH;
        // Twelve static words, as they stand in calldata. Dirty high bits give a hash that nobody signed.
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, typeHash)
            calldatacopy(add(p, 32), order, 384)
            hash := keccak256(p, 416)
        }
    }

    /// @notice hashStruct of the lease's terms: the name it goes by.
    function leaseId(Lease calldata lease) public pure returns (bytes32 id) {
        bytes32 typeHash = LEASE_TYPEHASH;
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, typeHash)
            calldatacopy(add(p, 32), lease, 384)
            id := keccak256(p, 416)
        }
    }

    /// @notice Unknown: all zero. Ended: deposit 0, upTo not. Stopped: stopAt not 0.
    function leaseState(bytes32 id)
        external
        view
        returns (uint96 deposited, uint96 paid, uint32 upTo, uint32 stopAt)
    {
        Lock memory lock = locks[id];
        return (lock.deposit, lock.paid, lock.upTo, _stopped(lock) ? lock.mark - 1 : 0);
    }

    /// @notice When the lease began: what the rate bound is counted from. 0: unknown.
    function startOf(bytes32 id) external view returns (uint32 start) {
        (start,) = _span(id, locks[id]);
    }

    /// @notice The last claim; it is pending while its upTo is later than the lease's.
    function claimOf(bytes32 id) external view returns (uint96 amount, uint32 upTo, uint32 payableAt) {
        Aside memory aside = asides[id];
        return (aside.amount, aside.upTo, aside.payableAt);
    }

    /// @notice True if no order of `tenant` under this nonce can open a lease now.
    function nonceUsed(address tenant, uint64 nonce) public view returns (bool) {
        return nonces[tenant][nonce >> 8] & (1 << (nonce & 255)) != 0;
    }

    /// @notice What is signed for a struct hash: keccak256(0x1901 || domain || structHash).
    function digest(bytes32 structHash) public view returns (bytes32 hash) {
        bytes32 separator = domainSeparator();
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, hex"1901")
            mstore(add(p, 2), separator)
            mstore(add(p, 34), structHash)
            hash := keccak256(p, 66)
        }
    }

    /// @notice Of EIP-712. Follows the chain id if the chain splits, so no signature is good on both sides.
    function domainSeparator() public view returns (bytes32) {
        return block.chainid == homeChain ? homeSeparator : _separator();
    }

    // ------------------------------------------------------------------
    // One entry each: 0, or why not, with nothing changed.

    function _open(Opening calldata o) private returns (bytes32 id, bytes4) {
        Order calldata order = o.order;
        Lease calldata lease = o.lease;
        bytes32 hash = orderHash(order);

        id = leaseId(lease);
        if (lease.order != hash || !_agree(order, lease)) return (id, BadTerms.selector);
        if (block.timestamp > order.openBy) return (id, Expired.selector);
        if (nonceUsed(order.tenant, order.nonce)) return (id, NonceUsed.selector);
        if (locks[id].upTo != 0) return (id, AlreadyOpen.selector);
        if (balanceOf[order.tenant] < order.deposit) return (id, NoFunds.selector);
        if (!_signed(order.tenant, hash, o.tenantSig)) return (id, BadTenantSig.selector);
        if (msg.sender != lease.provider && !_signed(lease.provider, id, o.providerSig)) {
            return (id, BadProviderSig.selector);
        }
        if (
            msg.sender != order.auctioneer
                && !_signed(order.auctioneer, _awardHash(hash, lease, o.record), o.auctioneerSig)
        ) return (id, BadAuctioneerSig.selector);

        _flipNonce(order.tenant, order.nonce);
        balanceOf[order.tenant] -= order.deposit;
        locks[id] = Lock(order.deposit, 0, uint32(block.timestamp), uint32(block.timestamp));
        emit Opened(id, hash, order.tenant, lease.provider, lease.rate, order.deposit);
        return (id, 0);
    }

    function _settle(Settlement calldata s) private returns (bytes32 id, bytes4) {
        Lock memory lock;
        bytes4 reason;

        (id, lock, reason) = _find(s.lease);
        if (reason != 0) return (id, reason);
        if (s.upTo > block.timestamp) return (id, FutureVoucher.selector);
        (uint256 paid, uint32 upTo) = _due(s.lease, id, lock, s.amount, s.upTo);
        if (s.amount < lock.paid || upTo < lock.upTo) return (id, Stale.selector);
        if (paid == lock.paid && upTo == lock.upTo) return (id, Stale.selector);

        bytes32 voucher = _voucherHash(id, s.amount, s.upTo);
        if (!_signedByPayer(s.lease, voucher, s.payerSig)) return (id, BadPayerSig.selector);
        if (msg.sender != s.lease.provider && !_signed(s.lease.provider, voucher, s.providerSig)) {
            return (id, BadProviderSig.selector);
        }
        _pay(s.lease, id, lock, paid, upTo);
        locks[id] = lock;
        return (id, 0);
    }

    function _close(Closing calldata c) private returns (bytes32 id, bytes4) {
        Lock memory lock;
        bytes4 reason;

        (id, lock, reason) = _find(c.lease);
        if (reason != 0) return (id, reason);
        if (c.amount < lock.paid) return (id, Stale.selector);
        if (
            msg.sender != c.lease.provider
                && !_signed(c.lease.provider, _releaseHash(id, c.amount), c.releaseSig)
        ) return (id, BadReleaseSig.selector);
        if (c.amount > lock.paid) {
            if (c.upTo > block.timestamp) return (id, FutureVoucher.selector);
            (uint256 paid, uint32 upTo) = _due(c.lease, id, lock, c.amount, c.upTo);
            if (upTo < lock.upTo) return (id, Stale.selector);
            if (!_signedByPayer(c.lease, _voucherHash(id, c.amount, c.upTo), c.payerSig)) {
                return (id, BadPayerSig.selector);
            }
            _pay(c.lease, id, lock, paid, upTo);
        }
        _end(c.lease, id, lock);
        return (id, 0);
    }

    /// @dev Pays what is left of a pending claim. False: none is pending. The caller stores the lock.
    function _finish(Lease calldata lease, bytes32 id, Lock memory lock) private returns (bool) {
        Aside memory aside = asides[id];

        if (aside.upTo <= lock.upTo) return false;
        require(block.timestamp >= aside.payableAt, TooEarly());
        // Vouchers settled since the claim have moved paid and upTo: only the time they left open is still due, and
        // never more than was claimed.
        uint256 due = lock.paid + _accrued(lease.base, aside.upTo - lock.upTo);
        due = _min(_min(due, aside.amount), lock.deposit);
        _pay(lease, id, lock, due > lock.paid ? due : lock.paid, aside.upTo);
        return true;
    }

    // ------------------------------------------------------------------
    // Rules.

    /// @dev The lease says what the order allows, and both are within bounds.
    function _agree(Order calldata order, Lease calldata lease) private view returns (bool) {
        return lease.tenant == order.tenant && lease.auctioneer == order.auctioneer
            && lease.cosigner == order.cosigner && lease.deposit == order.deposit && lease.openBy == order.openBy
            && lease.window == order.window && lease.launch == order.launch && lease.feeBps == order.feeBps
            && _agreePrice(order, lease)
            && lease.provider != order.tenant
            && lease.provider != order.cosigner // else one key would be both sides of a voucher
            && order.deposit != 0
            && order.window >= minWindow && order.window <= MAX_WINDOW
            && order.launch <= MAX_LAUNCH
            && order.feeBps <= MAX_FEE_BPS;
    }

    function _agreePrice(Order calldata order, Lease calldata lease) private pure returns (bool) {
        return lease.rate != 0
            && lease.rate <= order.maxRate
            && order.baseBps <= BPS
            && lease.base == (uint256(lease.rate) * order.baseBps + BPS - 1) / BPS;
    }

    /// @dev What a voucher makes of a lease: its time ends with the lease's, its amount with what the rate allows for
    /// that time and with the deposit.
    function _due(Lease calldata lease, bytes32 id, Lock memory lock, uint96 amount, uint32 upTo)
        private
        view
        returns (uint256 paid, uint32)
    {
        (uint32 start, uint32 end) = _span(id, lock);

        if (upTo > end) upTo = end;
        if (upTo < lock.upTo) return (lock.paid, upTo); // stale
        return (_min(_min(amount, _accrued(lease.rate, upTo - start)), lock.deposit), upTo);
    }

    /// @dev The seconds that count: from the start to the stop or to now.
    function _span(bytes32 id, Lock memory lock) private view returns (uint32 start, uint32 end) {
        if (_stopped(lock)) return (asides[id].start, lock.mark - 1);
        return (lock.mark, uint32(block.timestamp));
    }

    function _stopped(Lock memory lock) private pure returns (bool) {
        return lock.mark > lock.upTo;
    }

    /// @dev The one division by which money accrues; what it cuts off stays in the deposit.
    function _accrued(uint128 rate, uint32 time) private pure returns (uint256) {
        return uint256(rate) * time / RATE_UNIT;
    }

    // ------------------------------------------------------------------
    // Moves.

    /// @dev The one place where a lease pays. The fee is taken of the cumulative amount, so it does not depend on how
    /// often one settles, and fee + credited is the difference exactly. The caller stores the lock.
    function _pay(Lease calldata lease, bytes32 id, Lock memory lock, uint256 paid, uint32 upTo) private {
        uint256 fee = paid * lease.feeBps / BPS - uint256(lock.paid) * lease.feeBps / BPS;
        uint256 credited = paid - lock.paid - fee;

        lock.paid = uint96(paid);
        lock.upTo = upTo;
        if (credited != 0) balanceOf[lease.provider] += credited;
        if (fee != 0) balanceOf[lease.auctioneer] += fee;
        emit Settled(
            id, lease.tenant, lease.provider, lease.auctioneer, uint96(paid), uint96(credited), uint96(fee), upTo
        );
    }

    /// @dev Refunds what was not paid and leaves the tombstone.
    function _end(Lease calldata lease, bytes32 id, Lock memory lock) private {
        uint96 refund = lock.deposit - lock.paid;

        lock.deposit = 0;
        locks[id] = lock;
        if (refund != 0) balanceOf[lease.tenant] += refund;
        emit Closed(id, lease.tenant, lease.provider, lock.paid, refund);
    }

    function _debit(address who, uint256 amount) private {
        uint256 balance = balanceOf[who];

        require(balance >= amount, NoFunds());
        balanceOf[who] = balance - amount;
    }

    function _flipNonce(address tenant, uint64 nonce) private {
        nonces[tenant][nonce >> 8] ^= 1 << (nonce & 255);
    }

    function _deposit(address to, uint96 amount) private {
        require(to != address(0), BadRecipient());
        uint256 before = token.balanceOf(address(this));
        // transferFrom(address,address,uint256), from the sender only
        _callToken(abi.encodeWithSelector(0x23b872dd, msg.sender, address(this), amount));
        uint256 arrived = token.balanceOf(address(this)) - before;
        require(arrived <= type(uint96).max, BadToken());
        balanceOf[to] += arrived;
        emit Deposited(to, msg.sender, uint96(arrived));
    }

    /// @dev Tokens answer true, nothing, or false; the last is a failure.
    function _callToken(bytes memory call) private {
        (bool done, bytes memory answer) = address(token).call(call);

        require(done && (answer.length == 0 || abi.decode(answer, (bool))), BadToken());
    }

    // ------------------------------------------------------------------
    // Finding, hashing, recovering.

    /// @dev A lease that is running or stopped, or why not.
    function _find(Lease calldata lease) private view returns (bytes32 id, Lock memory lock, bytes4 reason) {
        id = leaseId(lease);
        lock = locks[id];
        if (lock.deposit == 0) reason = lock.upTo == 0 ? UnknownLease.selector : LeaseEnded.selector;
    }

    function _live(Lease calldata lease) private view returns (bytes32 id, Lock memory lock) {
        bytes4 reason;

        (id, lock, reason) = _find(lease);
        if (reason != 0) _revert(reason);
    }

    function _signedByPayer(Lease calldata lease, bytes32 structHash, Sig calldata sig) private view returns (bool) {
        address signer = _recover(digest(structHash), sig);

        return signer != address(0) && (signer == lease.tenant || signer == lease.cosigner);
    }

    function _signed(address who, bytes32 structHash, Sig calldata sig) private view returns (bool) {
        address signer = _recover(digest(structHash), sig);

        return signer != address(0) && signer == who;
    }

    /// @dev Zero for what is no signature, or the mirror of one.
    function _recover(bytes32 hash, Sig calldata sig) internal pure returns (address) {
        uint256 s = uint256(sig.vs) & type(uint256).max >> 1;

        if (s > MAX_S) return address(0);
        return ecrecover(hash, uint8(27 + (uint256(sig.vs) >> 255)), sig.r, bytes32(s));
    }

    function _awardHash(bytes32 order, Lease calldata lease, bytes32 record) private pure returns (bytes32) {
        return keccak256(abi.encode(AWARD_TYPEHASH, order, lease.provider, lease.rate, record));
    }

    function _voucherHash(bytes32 id, uint96 amount, uint32 upTo) private pure returns (bytes32) {
        return keccak256(abi.encode(VOUCHER_TYPEHASH, id, amount, upTo));
    }

    function _releaseHash(bytes32 id, uint96 amount) private pure returns (bytes32) {
        return keccak256(abi.encode(RELEASE_TYPEHASH, id, amount));
    }

    function _separator() private view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("Gavel"), keccak256("1"), block.chainid, address(this))
        );
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    /// @dev Ends the call with an error that has no arguments.
    function _revert(bytes4 reason) private pure {
        assembly ("memory-safe") {
            mstore(0, reason)
            revert(0, 4)
        }
    }
}
