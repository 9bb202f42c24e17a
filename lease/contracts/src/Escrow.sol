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
///                             |  |      auctioneer's fee   |     |
///                  bond  <----+  +-------------------------+     |
///                   |         |         tenant's refund          |
///                   | slash   +----------------------------------+    close, expire, void
///                   +-----> half to the tenant harmed, half to nobody
///
/// The life of a lease, each arrow with the function that walks it:
///
///      unknown --open--> running --stop--> stopped
///         ^               |  |  |            |  |
///         |               |  |  +---close----+  |
///         |               |  |        |         |
///         +---------------|--+--------+--expire-+       the slot is erased; the order's nonce stays used
///                         |
///                         +--voidLease--> void           a tombstone: its order may open again, it may not
///
///  - running, stopped: deposit > 0; paid <= deposit; paid <= floor(rate x (upTo - start) / 10^9).
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
/// SIGNATURES are EIP-712 typed data. They are never used up: vouchers are cumulative and monotone (a replay pays
/// nothing), orders carry a nonce. Plain accounts sign in the compact form of EIP-2098 with low s, and only they can
/// in batches; `open`, `settle` and `close` ask contracts too (EIP-1271). Who sends a call has consented to it.
///
/// BATCHES are packed bytes: groups of leases that have provider, auctioneer and a few terms in common. They are read
/// into the same words that are hashed, and go through the same rules as one lease alone. Layout: see `openMany`.
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

    /// @notice The provider's acceptance, which follows from the order, the provider and the rate. Its struct hash is
    /// the lease id.
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

    /// @notice A sealed bid's inside: no two for one order and round.
    struct Bid {
        bytes32 order;
        address provider;
        uint128 floor;
        uint128 list;
        uint64 round;
        bytes32 salt;
    }

    /// @notice A meter reading: no two of one lease under one number.
    struct Usage {
        bytes32 lease;
        uint64 seq;
        bytes32 previous;
        uint32 upTo;
        uint64 healthySeconds;
        uint64 cpuMilliSeconds;
        uint64 memoryMiBSeconds;
        uint64 storageMiBSeconds;
        uint64 egressBytes;
        uint96 amount;
    }

    /// @notice The auctioneer closes a sealed round: no two roots of one.
    struct Round {
        bytes32 order;
        uint64 round;
        bytes32 root;
        bytes32 key;
    }

    /// @notice A signature in the compact form of EIP-2098: `vs` is s with the parity in its top bit.
    struct Sig {
        bytes32 r;
        bytes32 vs;
    }

    /// @notice What an order becomes a lease with. A signature is empty if its signer sends.
    struct Match {
        address provider;
        uint128 rate;
        bytes32 record; // of the auction, named in the Award
        bytes tenantSig; // over the Order
        bytes providerSig; // over the Lease
        bytes auctioneerSig; // over the Award
    }

    /// @notice A voucher, and who stands behind it. A signature is empty if its signer sends.
    struct Payment {
        uint96 amount; // cumulative
        uint32 upTo;
        bytes payerSig; // over the Voucher
        bytes providerSig; // over the Voucher; to close, over the Release
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
    bytes32 private constant STATEMENT_TYPEHASH =
        keccak256("Statement(Voucher[] vouchers)Voucher(bytes32 lease,uint96 amount,uint32 upTo)");
    bytes32 private constant RELEASE_TYPEHASH = keccak256("Release(bytes32 lease,uint96 amount)");
    bytes32 private constant BID_TYPEHASH =
        keccak256("Bid(bytes32 order,address provider,uint128 floor,uint128 list,uint64 round,bytes32 salt)");
    bytes32 private constant USAGE_TYPEHASH = keccak256(
        "Usage(bytes32 lease,uint64 seq,bytes32 previous,uint32 upTo,uint64 healthySeconds,uint64 cpuMilliSeconds,uint64 memoryMiBSeconds,uint64 storageMiBSeconds,uint64 egressBytes,uint96 amount)"
    );
    bytes32 private constant ROUND_TYPEHASH =
        keccak256("Round(bytes32 order,uint64 round,bytes32 root,bytes32 key)");

    // ------------------------------------------------------------------
    // What happened. Every internal balance follows from these alone:
    //
    //   Deposited  to         + amount          Withdrawn  from    - amount
    //   Opened     tenant     - deposit         ToppedUp   from    - amount
    //   Settled    provider   + moved - fee     Voided     tenant  + refund
    //              auctioneer + fee             Bonded     who     - amount
    //   Closed     the same, and                Unbonded   who     + amount
    //              tenant     + refund          Slashed    tenant  + toTenant; BURNT + burnt
    //
    // where fee = floor(paid x feeBps / 10^4) - floor((paid - moved) x feeBps / 10^4), and so does what a lease holds:
    // + Opened.deposit + ToppedUp.amount - moved - refund. Claimed, Stopped, Cancelled, Keyed, Unbonding and Skipped
    // move nothing.
    //
    // `leases` are packed, one after another, for each of the group's leases that the call moved:
    //
    //   Opened    lease 32 | order 32 | tenant 20 | rate 16 | deposit 12
    //   Settled   lease 32 | paid 12 | moved 12 | upTo 4
    //   Closed    lease 32 | tenant 20 | paid 12 | moved 12 | refund 12 | upTo 4
    //
    // paid is cumulative, what the lease has paid since it began; moved is what this event added to it.

    event Deposited(address indexed to, address from, uint96 amount);
    event Withdrawn(address indexed from, address to, uint96 amount);
    event Opened(address indexed provider, address indexed auctioneer, uint16 feeBps, bytes leases);
    event ToppedUp(bytes32 indexed lease, address indexed from, uint96 amount);
    event Settled(address indexed provider, address indexed auctioneer, uint16 feeBps, bytes leases);
    event Closed(address indexed provider, address indexed auctioneer, uint16 feeBps, bytes leases);
    event Voided(bytes32 indexed lease, bytes32 indexed order, address indexed tenant, uint96 refund);
    event Claimed(bytes32 indexed lease, address indexed provider, uint96 amount, uint32 upTo, uint32 payableAt);
    event Stopped(bytes32 indexed lease, address indexed tenant, uint32 stopAt);
    event Keyed(bytes32 indexed lease, address indexed tenant, address indexed key, uint96 limit, uint32 until);
    event Cancelled(address indexed tenant, uint64 nonce);
    event Bonded(address indexed who, uint96 amount);
    event Unbonding(address indexed who, uint96 amount, uint32 leavesAt);
    event Unbonded(address indexed who, uint96 amount);
    event Slashed(
        address indexed who, address indexed tenant, bytes32 indexed subject, uint96 toTenant, uint96 burnt
    );
    /// @param reason selector of the error that a call for this one entry alone would end with
    event Skipped(bytes32 indexed id, bytes4 reason);

    // ------------------------------------------------------------------
    // Why not.

    error BadTerms(); // a bound is broken
    error Expired(); // past openBy
    error NonceUsed(); // the order has a lease, had one, or was cancelled
    error AlreadyOpen(); // this very lease is open, or was void
    error NoFunds(); // internal balance too small
    error BadTenantSig();
    error BadProviderSig();
    error BadAuctioneerSig();
    error BadPayerSig();
    error BadReleaseSig();
    error UnknownLease(); // not opened yet, or closed
    error LeaseEnded(); // void
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
    error BadBatch(); // bytes that are no batch
    error BadKey();
    error NoBond();
    error NoOffence(); // the two statements do not contradict each other
    error AlreadySlashed();
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
    uint256 private constant BOND_NOTICE = 7 days;
    uint256 private constant WALLET_GAS = 100_000; // for an EIP-1271 wallet to look at a signature
    uint256 private constant MAX_AMOUNT = type(uint96).max;
    uint256 private constant MAX_DEPOSIT = type(uint96).max >> 1;
    /// Where the half of a slashed bond goes that nobody gets.
    address private constant BURNT = 0x000000000000000000000000000000000000dEaD;
    /// n/2 of secp256k1: a higher s is the mirror of a signature, and refused.
    uint256 private constant MAX_S = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @dev A lease, in one slot under its id, as it is in memory; the terms come back as calldata. From the low end:
    /// mark 32 | upTo 32 | paid 96 | deposit 95 | keyed 1. Unknown and closed: all zero.
    struct Lock {
        uint256 deposit; // 0: void
        uint256 paid; // cumulative
        uint256 upTo; // time that is accounted for
        // Running: the start, so mark <= upTo. Stopped: the first second that no longer counts, so mark > upTo.
        uint256 mark;
        uint256 keyed; // 1: the tenant has said something about keys, see `keys`
    }

    /// @dev One slot. What points to it is computed once, to read it and to write it.
    struct Word {
        uint256 bits;
    }

    /// @dev What only claims and stopped leases need; settling a running lease does not read it. Means nothing once
    /// the lease is closed.
    struct Aside {
        uint96 amount; // claimed, cumulative
        uint32 upTo; // claimed; pending while later than the lock's
        uint32 payableAt;
        uint32 start; // moved here when the lease is stopped
    }

    /// @dev What the tenant has said about a key of one lease.
    struct Key {
        uint96 limit; // the highest cumulative amount it may sign
        uint32 until; // the latest time it may sign for
        bool said;
    }

    struct Bond {
        uint96 amount;
        uint96 leaving; // part of the amount
        uint32 leavesAt;
    }

    /// @dev The words that are hashed, in place: the type's hash and the fields.
    struct OrderWords {
        bytes32 typeHash;
        address tenant;
        bytes32 group;
        uint256 maxRate;
        uint256 baseBps;
        uint256 deposit;
        uint256 openBy;
        uint256 window;
        uint256 launch;
        address auctioneer;
        address cosigner;
        uint256 feeBps;
        uint256 nonce;
    }

    struct LeaseWords {
        bytes32 typeHash;
        bytes32 order;
        address tenant;
        address provider;
        address auctioneer;
        address cosigner;
        uint256 rate;
        uint256 base;
        uint256 deposit;
        uint256 openBy;
        uint256 window;
        uint256 launch;
        uint256 feeBps;
    }

    struct VoucherWords {
        bytes32 typeHash;
        bytes32 lease;
        uint256 amount;
        uint256 upTo;
    }

    /// @dev Leases of one provider and one auctioneer: what they have in common and what they add up to.
    struct Group {
        uint256 flags;
        uint256 count;
        uint256 baseBps;
        bytes32 separator; // of the domain
        bool inBounds; // what the head says of an order's terms
        bool consents; // the provider, to every entry: it sends, or signed the Statement
        address payer; // of every entry: who sends, or is said to have signed the Statement
        uint256 payerSig; // calldata: where its signature over the Statement is
        uint256 providerSig; // calldata: the provider's
        uint256 hash; // memory: where the next voucher's struct hash goes
        uint256 hashes; // memory: where the first one went
        uint256 log; // memory: where the event's next lease goes
        uint256 logged; // memory: where the first one went
        uint256 credited; // to the provider
        uint256 fees; // to the auctioneer
        Lock lock; // of the lease in hand
    }

    // Who consents how, in a group.
    uint256 private constant PAYER_STATEMENT = 1; // one signature over all vouchers
    uint256 private constant PAYER_SENDS = 2;
    uint256 private constant PROVIDER_EACH = 4; // a signature an entry
    uint256 private constant PROVIDER_STATEMENT = 8;
    uint256 private constant AWARD_EACH = 16;

    /// @notice The token that is held, for ever.
    IToken public immutable token;
    /// @notice The shortest window that an order may ask for, in seconds.
    uint32 public immutable minWindow;
    uint256 private immutable homeChain;
    bytes32 private immutable homeSeparator;

    /// @dev From the low end: balance 96 | top 32 | used 128. Nonces below 2^32 live beside the balance, which an
    /// opening writes anyway: `used` has a bit for each of the 128 up to `top`, the highest seen; older ones are gone.
    mapping(address who => Word) private accounts;
    /// @dev Nonces from 2^32 on, in any order, one bit each.
    mapping(address tenant => mapping(uint256 word => uint256 bits)) private nonces;
    mapping(bytes32 lease => Word) private locks;
    mapping(bytes32 lease => Aside) private asides;
    mapping(bytes32 lease => mapping(address key => Key)) private keys;
    mapping(address who => Bond) private bonds;
    mapping(bytes32 offence => bool) private slashed;

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
    /// balances by itself must not be used, and is refused where it can be told by its functions.
    /// @param minWindow_ at least 10 seconds; where money is at stake 10 minutes or more
    constructor(IToken token_, uint32 minWindow_) {
        require(address(token_).code.length != 0, BadToken());
        require(!_answers(address(token_), "sharesOf(address)"), BadToken()); // stETH and its kind
        require(!_answers(address(token_), "scaledBalanceOf(address)"), BadToken()); // aTokens
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
    /// that the auctioneer of its choice did not name, nor a provider to anything; the tenant may be asleep. Who of
    /// them sends it need not sign.
    function open(Order calldata order, Match calldata m) external {
        OrderWords memory o = _orderWords(order);
        LeaseWords memory l = _leaseFrom(o, m.provider, m.rate);
        Group memory g;
        bytes32 id = _hashLease(l);

        require(_headInBounds(o, l.provider), BadTerms());
        g.log = g.logged = _logAt(112);
        _must(
            _open(
                o,
                l,
                id,
                _consents(o.tenant, l.order, m.tenantSig),
                _consents(l.provider, id, m.providerSig),
                _consents(o.auctioneer, _awardHash(l, m.record), m.auctioneerSig)
            )
        );
        _logOpened(g, l, id);
        _emit(l, g, Opened.selector);
    }

    /// @notice Anyone: opens many. An entry that cannot be opened is skipped with its reason and harms no other.
    ///
    /// A batch is groups. A group is a head and entries, numbers big-endian, without padding:
    ///
    ///   flags 1 | count 2 | baseBps 2 | feeBps 2 | window 4 | launch 4 | provider 20 | auctioneer 20 | cosigner 20
    ///   [payer 20 | signature 64]    PAYER_STATEMENT (1)
    ///   [signature 64]               PROVIDER_STATEMENT (8)
    ///
    /// An entry of `openMany`:
    ///
    ///   group 32 | tenant 20 | rate 16 | maxRate 16 | nonce 8 | deposit 12 | openBy 4 | tenant's signature 64
    ///   [provider's signature 64]    PROVIDER_EACH (4), over the Lease; else the provider sends
    ///   [record 32 | signature 64]   AWARD_EACH (16), the auctioneer's over the Award; else it sends
    ///
    /// An entry of `settleMany` and `closeMany`:
    ///
    ///   order 32 | tenant 20 | rate 16 | deposit 12 | openBy 4 | amount 12 | upTo 4
    ///   [payer's signature 64]       unless PAYER_STATEMENT or PAYER_SENDS (2), over the Voucher
    ///   [provider's signature 64]    PROVIDER_EACH, over the Voucher or, to close, over the Release; else with
    ///                                PROVIDER_STATEMENT (not to close) it signed the Statement; else it sends
    function openMany(bytes calldata batch) external {
        OrderWords memory o;
        LeaseWords memory l;
        Group memory g;

        o.typeHash = ORDER_TYPEHASH;
        l.typeHash = LEASE_TYPEHASH;
        (uint256 p, uint256 end) = _ends(batch);
        while (p != end) {
            p = _readHead(l, g, p, end, PROVIDER_EACH | AWARD_EACH);
            o.baseBps = g.baseBps;
            o.window = l.window;
            o.launch = l.launch;
            o.auctioneer = l.auctioneer;
            o.cosigner = l.cosigner;
            o.feeBps = l.feeBps;
            g.inBounds = _headInBounds(o, l.provider);
            p = _openGroup(o, l, g, p, end);
        }
    }

    /// @notice The tenant: burns a nonce of its own, so that orders under it open nothing. Moves nothing.
    function cancel(uint64 nonce) external {
        Word storage account = accounts[msg.sender];
        uint256 was = account.bits;
        require(!_nonceUsed(msg.sender, was, nonce), NonceUsed());
        account.bits = _useNonce(msg.sender, was, nonce);
        emit Cancelled(msg.sender, nonce);
    }

    /// @notice The auctioneer: undoes the opening of a lease whose workload was not launched, within `launch` seconds
    /// and before anything was paid or stopped. The whole deposit goes back to the tenant's balance and the order's
    /// nonce is free again, so that the order can go to the next bidder. (Free unless the tenant has by now opened or
    /// cancelled a nonce more than 127 above it.)
    function voidLease(Order calldata order, address provider, uint128 rate) external {
        OrderWords memory o = _orderWords(order);
        LeaseWords memory l = _leaseFrom(o, provider, rate);
        (bytes32 id, Lock memory lock) = _live(l);
        require(msg.sender == l.auctioneer, NotAuctioneer());
        require(lock.mark == lock.upTo, LeaseMoved()); // so the mark is the start, and nothing was paid
        require(block.timestamp <= lock.mark + l.launch, TooLate());

        uint256 refund = lock.deposit;
        lock.deposit = 0;
        _store(id, lock);
        accounts[l.tenant].bits = _freeNonce(l.tenant, accounts[l.tenant].bits, o.nonce);
        _credit(l.tenant, refund);
        emit Voided(id, l.order, l.tenant, uint96(refund));
    }

    /// @notice Anyone: adds `amount` of its own internal balance to a running lease. It can come back only as the
    /// tenant's refund. Refused after a stop: the tenant has said that it wants no more.
    function topUp(Lease calldata lease, uint96 amount) external {
        (bytes32 id, Lock memory lock) = _live(_leaseWords(lease));
        require(!_stopped(lock), LeaseStopped());
        require(lock.deposit + amount <= MAX_DEPOSIT, BadTerms());
        _debit(msg.sender, amount);
        lock.deposit += amount;
        _store(id, lock);
        emit ToppedUp(id, msg.sender, amount);
    }

    // ------------------------------------------------------------------
    // Paying what both sides signed.

    /// @notice Anyone who holds the signatures: pays a voucher, signed by the tenant, its cosigner or a key of the
    /// tenant's (see `setKey`), and by the provider. Moves from the lease's deposit to the provider and, the fee, to
    /// the auctioneer. Amounts are cumulative; what the rate or the deposit does not cover is capped, not refused.
    function settle(Lease calldata lease, Payment calldata p) external {
        LeaseWords memory l = _leaseWords(lease);
        VoucherWords memory v = VoucherWords(VOUCHER_TYPEHASH, _hashLease(l), p.amount, p.upTo);
        Group memory g;
        bytes32 hash = _hashVoucher(v);

        g.log = g.logged = _logAt(60);
        _must(_settle(l, v, g, _payerOf(l, hash, p.payerSig), _consents(l.provider, hash, p.providerSig)));
        _emit(l, g, Settled.selector);
    }

    /// @notice Anyone who holds the signatures: pays the last voucher and ends the lease at once. Needs the provider's
    /// Release of exactly this amount (or the provider as sender): it gives up the rest. Needs the payer's voucher
    /// unless the amount is what was paid already: a provider may always leave. The tenant gets deposit - paid.
    function close(Lease calldata lease, Payment calldata p) external {
        LeaseWords memory l = _leaseWords(lease);
        VoucherWords memory v = VoucherWords(VOUCHER_TYPEHASH, _hashLease(l), p.amount, p.upTo);
        address payer = _payerOf(l, _hashVoucher(v), p.payerSig);
        bool released = _consents(l.provider, _releaseHash(v.lease, v.amount), p.providerSig);
        Group memory g;

        g.log = g.logged = _logAt(92);
        _must(_close(l, v, g, payer, released));
        _emit(l, g, Closed.selector);
    }

    /// @notice Anyone who holds the signatures: settles many, see `openMany` for the bytes. An entry that is stale,
    /// ended, unknown, in the future or badly signed is skipped with its reason and harms no other.
    function settleMany(bytes calldata batch) external {
        _payMany(batch, false);
    }

    /// @notice Anyone who holds the signatures: closes many, in the same way.
    function closeMany(bytes calldata batch) external {
        _payMany(batch, true);
    }

    /// @notice The tenant: lets `key` sign vouchers of this lease up to a cumulative `limit` and the time `until`, or
    /// takes that back. It binds from now on: what a key (or the order's cosigner, which starts without a limit) may
    /// sign for the time before this block it may sign still, or the provider would lose what it holds signed. So a
    /// limit can only rise, and an `until` in the past means now.
    function setKey(Lease calldata lease, address key, uint96 limit, uint32 until) external {
        LeaseWords memory l = _leaseWords(lease);
        (bytes32 id, Lock memory lock) = _live(l);
        require(msg.sender == l.tenant, NotTenant());
        require(key != address(0) && key != l.tenant && key != l.provider, BadKey());

        Key memory k = keys[id][key];
        if (!k.said && key == l.cosigner) (k.limit, k.until) = (type(uint96).max, type(uint32).max);
        if (limit > k.limit) k.limit = limit;
        if (until < block.timestamp) until = uint32(_min(k.until, block.timestamp));
        (k.until, k.said) = (until, true);
        keys[id][key] = k;
        if (lock.keyed == 0) {
            lock.keyed = 1;
            _store(id, lock);
        }
        emit Keyed(id, l.tenant, key, k.limit, until);
    }

    // ------------------------------------------------------------------
    // When the other side is silent.

    /// @notice The tenant: nothing accrues after this second. Moves nothing; within `window` the provider may still
    /// settle what was signed or claim the base, then anyone may `expire` the lease.
    function stop(Lease calldata lease) external {
        LeaseWords memory l = _leaseWords(lease);
        (bytes32 id, Lock memory lock) = _live(l);
        require(msg.sender == l.tenant, NotTenant());
        require(!_stopped(lock), LeaseStopped());
        asides[id].start = uint32(lock.mark);
        lock.mark = block.timestamp + 1;
        _store(id, lock);
        emit Stopped(id, l.tenant, uint32(block.timestamp));
    }

    /// @notice The provider alone: asks for the base accrued since the last accounted second, in a cumulative `amount`
    /// (capped to what accrued; it may ask for less). Moves nothing yet: payable after `window`, in which a voucher of
    /// both sides for the same time takes its place. A wider claim replaces a pending one and waits anew. Not while
    /// the auctioneer may still void the lease, so that a winner that never launched cannot claim its way past it.
    function claim(Lease calldata lease, uint96 amount) external {
        LeaseWords memory l = _leaseWords(lease);
        (bytes32 id, Lock memory lock) = _live(l);
        Aside storage aside = asides[id];
        require(msg.sender == l.provider, NotProvider());
        (uint256 start, uint256 end) = _span(id, lock);
        require(_stopped(lock) || block.timestamp > start + l.launch, TooEarly());
        require(end > lock.upTo && end > aside.upTo, NothingToClaim());
        amount = uint96(_min(amount, lock.paid + _accrued(l.base, end - lock.upTo)));
        require(amount > lock.paid, NothingToClaim());

        uint32 payableAt = uint32(block.timestamp + l.window);
        aside.amount = amount;
        aside.upTo = uint32(end);
        aside.payableAt = payableAt;
        emit Claimed(id, l.provider, amount, uint32(end), payableAt);
    }

    /// @notice Anyone, once a claim's window is over: pays it, less what vouchers have paid for the same time since.
    /// Moves from the lease's deposit to the provider and the auctioneer.
    function finish(Lease calldata lease) external {
        LeaseWords memory l = _leaseWords(lease);
        (bytes32 id, Lock memory lock) = _live(l);
        Group memory g;

        g.log = g.logged = _logAt(60);
        (bool pending, uint256 moved) = _finish(l, id, lock, g);
        require(pending, NothingToClaim());
        _store(id, lock);
        if (!_stopped(lock)) delete asides[id]; // else it has the start
        _logSettled(g, id, lock, moved);
        _emit(l, g, Settled.selector);
    }

    /// @notice Anyone, once a stopped lease's window is over: pays the claim that is left, if any (its own window must
    /// be over too), and gives deposit - paid back to the tenant. So no lease outlives stop + two windows against the
    /// tenant's will, and nobody's signature is needed for it.
    function expire(Lease calldata lease) external {
        LeaseWords memory l = _leaseWords(lease);
        (bytes32 id, Lock memory lock) = _live(l);
        Group memory g;
        require(_stopped(lock), LeaseRuns());
        require(block.timestamp >= lock.mark + l.window, TooEarly());

        g.log = g.logged = _logAt(92);
        (, uint256 moved) = _finish(l, id, lock, g);
        _end(l, id, lock, g, moved);
        _emit(l, g, Closed.selector);
    }

    // ------------------------------------------------------------------
    // Bonds: money behind a provider's or an auctioneer's word. Taken only upon two statements that it signed itself
    // and that cannot both be true. The most that is taken for one lease or order is twice its deposit, once: half
    // goes to the tenant, which cannot have lost more, and half to nobody, since whoever could slash itself through a
    // tenant of its own making would call that a withdrawal.

    /// @notice Anyone: puts `amount` of its own internal balance behind its word.
    function bond(uint96 amount) external {
        _debit(msg.sender, amount);
        bonds[msg.sender].amount += amount;
        emit Bonded(msg.sender, amount);
    }

    /// @notice Its owner: gives notice. Replaces an earlier notice, and waits anew; 0 takes it back.
    function unbond(uint96 amount) external {
        Bond storage b = bonds[msg.sender];
        require(amount <= b.amount, NoFunds());
        b.leaving = amount;
        b.leavesAt = uint32(block.timestamp + BOND_NOTICE);
        emit Unbonding(msg.sender, amount, b.leavesAt);
    }

    /// @notice Its owner, seven days after the notice: what is left of the sum becomes balance again.
    function reclaim() external {
        Bond storage b = bonds[msg.sender];
        uint96 amount = b.leaving;
        require(amount != 0, NoBond());
        require(block.timestamp >= b.leavesAt, TooEarly());
        b.leaving = 0;
        b.amount -= amount;
        _credit(msg.sender, amount);
        emit Unbonded(msg.sender, amount);
    }

    /// @notice Anyone: a provider signed two bids for one round of an order.
    function slashBids(Order calldata order, Bid calldata a, Bid calldata b, Sig calldata sigA, Sig calldata sigB)
        external
    {
        OrderWords memory o = _orderWords(order);
        bytes32 subject = _hashOrder(o);
        require(
            a.order == subject && b.order == subject && a.provider == b.provider && a.round == b.round, NoOffence()
        );
        _contradicts(
            a.provider,
            keccak256(abi.encode(BID_TYPEHASH, a)),
            keccak256(abi.encode(BID_TYPEHASH, b)),
            sigA,
            sigB
        );
        _slash(a.provider, o.tenant, subject, o.deposit);
    }

    /// @notice Anyone: a provider signed two meter readings of a lease under one number.
    function slashUsages(
        Lease calldata lease,
        Usage calldata a,
        Usage calldata b,
        Sig calldata sigA,
        Sig calldata sigB
    ) external {
        LeaseWords memory l = _leaseWords(lease);
        bytes32 subject = _hashLease(l);
        require(a.lease == subject && b.lease == subject && a.seq == b.seq, NoOffence());
        _contradicts(
            l.provider,
            keccak256(abi.encode(USAGE_TYPEHASH, a)),
            keccak256(abi.encode(USAGE_TYPEHASH, b)),
            sigA,
            sigB
        );
        _slash(l.provider, l.tenant, subject, l.deposit);
    }

    /// @notice Anyone: an auctioneer closed one round of an order with two different sets of bids.
    function slashRounds(
        Order calldata order,
        Round calldata a,
        Round calldata b,
        Sig calldata sigA,
        Sig calldata sigB
    ) external {
        OrderWords memory o = _orderWords(order);
        bytes32 subject = _hashOrder(o);
        require(a.order == subject && b.order == subject && a.round == b.round, NoOffence());
        _contradicts(
            o.auctioneer,
            keccak256(abi.encode(ROUND_TYPEHASH, a)),
            keccak256(abi.encode(ROUND_TYPEHASH, b)),
            sigA,
            sigB
        );
        _slash(o.auctioneer, o.tenant, subject, o.deposit);
    }

    // ------------------------------------------------------------------
    // Looking.

    /// @notice What `who` may withdraw, open leases with, top up or bond with.
    function balanceOf(address who) public view returns (uint256) {
        return uint96(accounts[who].bits);
    }

    /// @notice What is behind `who`'s word, and what of it leaves when.
    function bondOf(address who) external view returns (uint96 amount, uint96 leaving, uint32 leavesAt) {
        Bond memory b = bonds[who];
        return (b.amount, b.leaving, b.leavesAt);
    }

    /// @notice hashStruct of the order.
    function orderHash(Order calldata order) external pure returns (bytes32 hash) {
        return _hashOrder(_orderWords(order));
    }

    /// @notice hashStruct of the lease's terms: the name it goes by.
    function leaseId(Lease calldata lease) external pure returns (bytes32 id) {
        return _hashLease(_leaseWords(lease));
    }

    /// @notice Unknown and closed: all zero. Void: deposit 0, upTo not. Stopped: stopAt not 0.
    function leaseState(bytes32 id)
        external
        view
        returns (uint96 deposited, uint96 paid, uint32 upTo, uint32 stopAt)
    {
        Lock memory lock;
        _load(id, lock);
        return (
            uint96(lock.deposit),
            uint96(lock.paid),
            uint32(lock.upTo),
            _stopped(lock) ? uint32(lock.mark - 1) : 0
        );
    }

    /// @notice When the lease began: what the rate bound is counted from. 0: unknown or closed.
    function startOf(bytes32 id) external view returns (uint32) {
        Lock memory lock;
        _load(id, lock);
        (uint256 start,) = _span(id, lock);
        return uint32(start);
    }

    /// @notice The last claim; it is pending while its upTo is later than the lease's and the lease is not closed.
    function claimOf(bytes32 id) external view returns (uint96 amount, uint32 upTo, uint32 payableAt) {
        Aside memory aside = asides[id];
        return (aside.amount, aside.upTo, aside.payableAt);
    }

    /// @notice What the tenant has said about a key of a lease. Not said: the order's cosigner has no limit, all
    /// others may sign nothing.
    function keyOf(bytes32 id, address key) external view returns (bool said, uint96 limit, uint32 until) {
        Key memory k = keys[id][key];
        return (k.said, k.limit, k.until);
    }

    /// @notice True if no order of `tenant` under this nonce can open a lease now.
    function nonceUsed(address tenant, uint64 nonce) external view returns (bool) {
        return _nonceUsed(tenant, accounts[tenant].bits, nonce);
    }

    /// @notice A nonce of `tenant` that is free, and so are those above it: the cheapest to use next.
    function nextNonce(address tenant) external view returns (uint64) {
        uint256 account = accounts[tenant].bits;
        return account >> 96 == 0 ? 0 : uint32(account >> 96) + 1;
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
    // The rules, one lease at a time: 0, or why not, with nothing changed. Who consented has been found out before.

    function _open(
        OrderWords memory o,
        LeaseWords memory l,
        bytes32 id,
        bool tenantSaysSo,
        bool providerSaysSo,
        bool auctioneerSaysSo
    ) private returns (bytes4) {
        if (!_inBounds(o, l)) return BadTerms.selector;
        if (block.timestamp > o.openBy) return Expired.selector;
        Word storage account = accounts[o.tenant];
        uint256 was = account.bits;
        if (_nonceUsed(o.tenant, was, o.nonce)) return NonceUsed.selector;
        Word storage lock = locks[id];
        if (lock.bits != 0) return AlreadyOpen.selector;
        if (uint96(was) < o.deposit) return NoFunds.selector;
        if (!tenantSaysSo) return BadTenantSig.selector;
        if (!providerSaysSo) return BadProviderSig.selector;
        if (!auctioneerSaysSo) return BadAuctioneerSig.selector;

        unchecked { // the balance is in the low bits, and enough
            account.bits = _useNonce(o.tenant, was, o.nonce) - o.deposit;
        }
        lock.bits = o.deposit << 160 | block.timestamp << 32 | block.timestamp;
        return 0;
    }

    function _settle(
        LeaseWords memory l,
        VoucherWords memory v,
        Group memory g,
        address payer,
        bool providerSaysSo
    ) private returns (bytes4) {
        Lock memory lock = g.lock;
        bytes4 reason = _load(v.lease, lock);
        if (reason != 0) return reason;
        if (v.upTo > block.timestamp) return FutureVoucher.selector;
        (uint256 paid, uint256 upTo) = _due(l, v, lock);
        if (v.amount < lock.paid || upTo < lock.upTo) return Stale.selector;
        if (paid == lock.paid && upTo == lock.upTo) return Stale.selector;
        if (!_mayPay(l, v, lock, payer)) return BadPayerSig.selector;
        if (!providerSaysSo) return BadProviderSig.selector;

        uint256 moved = _pay(l, lock, g, paid, upTo);
        _store(v.lease, lock);
        _logSettled(g, v.lease, lock, moved);
        return 0;
    }

    function _close(
        LeaseWords memory l,
        VoucherWords memory v,
        Group memory g,
        address payer,
        bool released
    ) private returns (bytes4) {
        uint256 moved;
        Lock memory lock = g.lock;
        bytes4 reason = _load(v.lease, lock);
        if (reason != 0) return reason;
        if (v.amount < lock.paid) return Stale.selector;
        if (!released) return BadReleaseSig.selector;
        if (v.amount > lock.paid) {
            if (v.upTo > block.timestamp) return FutureVoucher.selector;
            (uint256 paid, uint256 upTo) = _due(l, v, lock);
            if (upTo < lock.upTo) return Stale.selector;
            if (!_mayPay(l, v, lock, payer)) return BadPayerSig.selector;
            moved = _pay(l, lock, g, paid, upTo);
        }
        _end(l, v.lease, lock, g, moved);
        return 0;
    }

    /// @dev Pays what is left of a pending claim. The caller stores the lock.
    function _finish(LeaseWords memory l, bytes32 id, Lock memory lock, Group memory g)
        private
        view
        returns (bool pending, uint256 moved)
    {
        Aside memory aside = asides[id];

        if (aside.upTo <= lock.upTo) return (false, 0);
        require(block.timestamp >= aside.payableAt, TooEarly());
        // Vouchers settled since the claim have moved paid and upTo: only the time they left open is still due, and
        // never more than was claimed.
        uint256 due = lock.paid + _accrued(l.base, aside.upTo - lock.upTo);
        due = _min(_min(due, aside.amount), lock.deposit);
        return (true, _pay(l, lock, g, due > lock.paid ? due : lock.paid, aside.upTo));
    }

    /// @dev Refunds what was not paid and erases the lease. Its order's nonce stays used, so it cannot open again.
    function _end(LeaseWords memory l, bytes32 id, Lock memory lock, Group memory g, uint256 moved) private {
        uint256 refund;

        unchecked { // paid is at most the deposit
            refund = lock.deposit - lock.paid;
        }
        locks[id].bits = 0;
        if (_stopped(lock)) delete asides[id];
        if (refund != 0) _credit(l.tenant, refund);
        uint256 log = g.log;
        unchecked {
            g.log = log + 92;
        }
        uint256 who = uint256(uint160(l.tenant)) << 96 | lock.paid;
        uint256 how = moved << 160 | refund << 64 | lock.upTo << 32;
        assembly ("memory-safe") {
            mstore(log, id)
            mstore(add(log, 32), who)
            mstore(add(log, 64), how)
        }
    }

    /// @dev The terms that a group has in common.
    function _headInBounds(OrderWords memory o, address provider) private view returns (bool) {
        return provider != o.cosigner // else one key would be both sides of a voucher
            && o.window >= minWindow && o.window <= MAX_WINDOW
            && o.baseBps <= BPS
            && o.launch <= MAX_LAUNCH
            && o.feeBps <= MAX_FEE_BPS;
    }

    /// @dev The others.
    function _inBounds(OrderWords memory o, LeaseWords memory l) private pure returns (bool) {
        return l.rate != 0 && l.rate <= o.maxRate
            && l.provider != o.tenant
            && o.deposit != 0 && o.deposit <= MAX_DEPOSIT;
    }

    /// @dev The tenant, or whom it named and did not limit below this voucher.
    function _mayPay(LeaseWords memory l, VoucherWords memory v, Lock memory lock, address payer)
        private
        view
        returns (bool)
    {
        if (payer == address(0)) return false;
        if (payer == l.tenant) return true;
        if (lock.keyed != 0) {
            Key memory k = keys[v.lease][payer];
            if (k.said) return v.amount <= k.limit && v.upTo <= k.until;
        }
        return payer == l.cosigner;
    }

    /// @dev What a voucher makes of a lease: its time ends with the lease's, its amount with what the rate allows for
    /// that time and with the deposit.
    function _due(LeaseWords memory l, VoucherWords memory v, Lock memory lock)
        private
        view
        returns (uint256 paid, uint256 upTo)
    {
        (uint256 start, uint256 end) = _span(v.lease, lock);

        upTo = _min(v.upTo, end);
        if (upTo < lock.upTo) return (lock.paid, upTo); // stale
        unchecked { // upTo is at least lock.upTo, and that at least the start
            paid = _min(_min(v.amount, _accrued(l.rate, upTo - start)), lock.deposit);
        }
    }

    /// @dev The seconds that count: from the start to the stop or to now.
    function _span(bytes32 id, Lock memory lock) private view returns (uint256 start, uint256 end) {
        if (_stopped(lock)) return (asides[id].start, lock.mark - 1);
        return (lock.mark, block.timestamp);
    }

    function _stopped(Lock memory lock) private pure returns (bool) {
        return lock.mark > lock.upTo;
    }

    /// @dev The one division by which money accrues; what it cuts off stays in the deposit. At most 2^128 x 2^32.
    function _accrued(uint256 rate, uint256 time) private pure returns (uint256) {
        unchecked {
            return rate * time / RATE_UNIT;
        }
    }

    /// @dev The one place where a lease pays. The fee is taken of the cumulative amount, so it does not depend on how
    /// often one settles, and fee + credited is the difference exactly. The caller stores the lock, and `_emit` what
    /// adds up in the group.
    function _pay(LeaseWords memory l, Lock memory lock, Group memory g, uint256 paid, uint256 upTo)
        private
        pure
        returns (uint256 moved)
    {
        unchecked { // paid is at least lock.paid, both below 2^96, and feeBps is below 2^16
            uint256 was = lock.paid;
            uint256 fee = paid * l.feeBps / BPS - was * l.feeBps / BPS;
            moved = paid - was;
            g.credited += moved - fee;
            g.fees += fee;
            lock.paid = paid;
            lock.upTo = upTo;
        }
    }

    // ------------------------------------------------------------------
    // Batches.

    function _ends(bytes calldata batch) private pure returns (uint256 p, uint256 end) {
        assembly ("memory-safe") {
            p := batch.offset
            end := add(p, batch.length)
        }
    }

    /// @dev The head of a group. Returns where its entries begin.
    function _readHead(LeaseWords memory l, Group memory g, uint256 p, uint256 end, uint256 allowed)
        private
        view
        returns (uint256)
    {
        unchecked { // calldata ends before 2^64
            require(p + 75 <= end, BadBatch());
            uint256 flags;
            assembly ("memory-safe") {
                let w := calldataload(p)
                flags := shr(248, w)
                mstore(add(g, 0x20), and(shr(232, w), 0xffff)) // count
                mstore(add(g, 0x40), and(shr(216, w), 0xffff)) // baseBps
                mstore(add(l, 0x180), and(shr(200, w), 0xffff)) // feeBps
                mstore(add(l, 0x140), and(shr(168, w), 0xffffffff)) // window
                mstore(add(l, 0x160), and(shr(136, w), 0xffffffff)) // launch
                mstore(add(l, 0x60), shr(96, calldataload(add(p, 15)))) // provider
                mstore(add(l, 0x80), shr(96, calldataload(add(p, 35)))) // auctioneer
                mstore(add(l, 0xa0), shr(96, calldataload(add(p, 55)))) // cosigner
            }
            require(flags & ~allowed == 0, BadBatch());
            g.flags = flags;
            g.separator = domainSeparator();
            g.credited = 0;
            g.fees = 0;
            p += 75;
            g.payer = msg.sender;
            if (flags & PAYER_STATEMENT != 0) {
                require(p + 84 <= end, BadBatch());
                g.payer = _addressAt(p);
                g.payerSig = p + 20;
                p += 84;
            }
            if (flags & PROVIDER_STATEMENT != 0) {
                require(p + 64 <= end, BadBatch());
                g.providerSig = p;
                p += 64;
            }
            return p;
        }
    }

    function _openGroup(OrderWords memory o, LeaseWords memory l, Group memory g, uint256 p, uint256 end)
        private
        returns (uint256)
    {
        unchecked { // calldata ends before 2^64, and an entry is short
            uint256 size =
                uint256(172) + (g.flags & PROVIDER_EACH != 0 ? 64 : 0) + (g.flags & AWARD_EACH != 0 ? 96 : 0);
            uint256 last = p + g.count * size;
            require(last <= end, BadBatch());
            g.log = g.logged = _logAt(g.count * 112);
            for (; p != last; p += size) _openEntry(o, l, g, p);
        }
        _emit(l, g, Opened.selector);
        return p;
    }

    function _openEntry(OrderWords memory o, LeaseWords memory l, Group memory g, uint256 p) private {
        _readOrder(o, l, p);
        l.order = _hashOrder(o);
        bytes32 id = _hashLease(l);
        bytes4 reason = BadTerms.selector;

        if (g.inBounds) {
            unchecked {
                bool tenantSaysSo = _signedHere(g, o.tenant, l.order, p + 108);
                bool providerSaysSo = g.flags & PROVIDER_EACH == 0
                    ? _same(msg.sender, l.provider)
                    : _signedHere(g, l.provider, id, p + 172);
                reason = _open(o, l, id, tenantSaysSo, providerSaysSo, _awardedHere(g, l, p));
            }
        }
        if (reason == 0) _logOpened(g, l, id);
        else emit Skipped(id, reason);
    }

    function _awardedHere(Group memory g, LeaseWords memory l, uint256 p) private view returns (bool) {
        if (g.flags & AWARD_EACH == 0) return l.auctioneer == msg.sender;
        unchecked {
            p += g.flags & PROVIDER_EACH != 0 ? 236 : 172;
            return _signedHere(g, l.auctioneer, _awardHash(l, _wordAt(p)), p + 32);
        }
    }

    function _payMany(bytes calldata batch, bool closes) private {
        LeaseWords memory l;
        Group memory g;

        l.typeHash = LEASE_TYPEHASH;
        (uint256 p, uint256 end) = _ends(batch);
        while (p != end) {
            p = _readHead(
                l, g, p, end, PAYER_STATEMENT | PAYER_SENDS | PROVIDER_EACH | (closes ? 0 : PROVIDER_STATEMENT)
            );
            p = _payGroup(l, g, p, end, closes);
        }
    }

    function _payGroup(LeaseWords memory l, Group memory g, uint256 p, uint256 end, bool closes)
        private
        returns (uint256)
    {
        uint256 flags = g.flags;
        VoucherWords memory v;
        v.typeHash = VOUCHER_TYPEHASH;
        unchecked { // calldata ends before 2^64, and an entry is short
            uint256 size = uint256(100) + (flags & (PAYER_STATEMENT | PAYER_SENDS) == 0 ? 64 : 0)
                + (flags & PROVIDER_EACH != 0 ? 64 : 0);
            uint256 last = p + g.count * size;
            require(last <= end, BadBatch());
            g.log = g.logged = _logAt(g.count * (closes ? 92 : 60));
            if (flags & (PAYER_STATEMENT | PROVIDER_STATEMENT) != 0) g.hash = g.hashes = _reserve(32 * g.count);
            g.consents = flags & PROVIDER_STATEMENT != 0
                || flags & PROVIDER_EACH == 0 && _same(msg.sender, l.provider);
            for (; p != last; p += size) {
                _readVoucher(l, v, g.baseBps, p);
                bytes4 reason = closes ? _closeEntry(l, v, g, p + 100) : _settleEntry(l, v, g, p + 100);
                if (reason != 0) emit Skipped(v.lease, reason);
            }
        }
        _checkStatement(l, g);
        _emit(l, g, closes ? Closed.selector : Settled.selector);
        return p;
    }

    /// @dev Who consents, from the group's flags and the signatures at `p`; then the rules.
    function _settleEntry(LeaseWords memory l, VoucherWords memory v, Group memory g, uint256 p)
        private
        returns (bytes4)
    {
        bytes32 hash = _hashVoucher(v);
        (address payer, uint256 q) = _payerHere(g, hash, p);
        bool said = g.consents || g.flags & PROVIDER_EACH != 0 && _signedHere(g, l.provider, hash, q);

        if (said && _settleRunning(l, v, g, payer)) return 0;
        return _settle(l, v, g, payer, said);
    }

    function _closeEntry(LeaseWords memory l, VoucherWords memory v, Group memory g, uint256 p)
        private
        returns (bytes4)
    {
        (address payer, uint256 q) = _payerHere(g, _hashVoucher(v), p);
        bool said = g.consents
            || g.flags & PROVIDER_EACH != 0
                && _signedHere(g, l.provider, _releaseHash(v.lease, v.amount), q);

        return _close(l, v, g, payer, said);
    }

    /// @dev Who pays an entry, and where its signatures go on. One who signed the Statement is looked at when the
    /// group is through.
    function _payerHere(Group memory g, bytes32 hash, uint256 p) private view returns (address, uint256) {
        uint256 flags = g.flags;

        if (flags & (PAYER_STATEMENT | PROVIDER_STATEMENT) != 0) _note(g, hash);
        if (flags & (PAYER_STATEMENT | PAYER_SENDS) != 0) return (g.payer, p);
        unchecked {
            return (_recover(g, hash, p), p + 64);
        }
    }

    /// @dev `_settle` for what nearly all entries of a batch are: a running lease whose tenant lent no key, a voucher
    /// in time that pays something, signed by the tenant or the cosigner. Everything else it leaves to `_settle`, and
    /// what it does must be the same to the last bit: testFuzz_alone_and_in_a_batch.
    function _settleRunning(LeaseWords memory l, VoucherWords memory v, Group memory g, address payer)
        private
        returns (bool done)
    {
        assembly ("memory-safe") {
            mstore(0, mload(add(v, 0x20)))
            mstore(0x20, locks.slot)
            let slot := keccak256(0, 0x40)
            let w := sload(slot)
            let start := and(w, 0xffffffff)
            let upTo := and(shr(32, w), 0xffffffff)
            let was := and(shr(64, w), 0xffffffffffffffffffffffff)
            let time := mload(add(v, 0x60))
            let paid := mload(add(v, 0x40))
            let most := shr(160, w) // the deposit; with the top bit, a lent key, it is told below
            let no := or(or(gt(start, upTo), gt(time, timestamp())), or(lt(time, upTo), shr(255, w)))
            let who := or(eq(payer, mload(add(l, 0x40))), eq(payer, mload(add(l, 0xa0))))
            no := or(no, or(iszero(payer), iszero(who)))
            if gt(paid, most) { paid := most }
            most := div(mul(mload(add(l, 0xc0)), sub(time, start)), 1000000000)
            if gt(paid, most) { paid := most }
            if iszero(or(no, iszero(gt(paid, was)))) {
                let feeBps := mload(add(l, 0x180))
                let moved := sub(paid, was)
                let fee := sub(div(mul(paid, feeBps), 10000), div(mul(was, feeBps), 10000))
                let p := add(g, 0x1a0)
                mstore(p, add(mload(p), sub(moved, fee))) // credited
                p := add(g, 0x1c0)
                mstore(p, add(mload(p), fee)) // fees
                sstore(slot, or(shl(160, shr(160, w)), or(shl(64, paid), or(shl(32, time), start))))
                p := add(g, 0x160)
                let log := mload(p)
                mstore(p, add(log, 60))
                mstore(log, mload(add(v, 0x20)))
                mstore(add(log, 0x20), or(shl(160, paid), or(shl(64, moved), shl(32, time))))
                done := 1
            }
        }
    }

    function _note(Group memory g, bytes32 hash) private pure {
        uint256 p = g.hash;
        g.hash = p + 32;
        assembly ("memory-safe") {
            mstore(p, hash)
        }
    }

    /// @dev The signatures over all vouchers of a group, of which nothing may stay if they are not what was said.
    function _checkStatement(LeaseWords memory l, Group memory g) private view {
        if (g.flags & (PAYER_STATEMENT | PROVIDER_STATEMENT) == 0) return;
        bytes32 hash;
        uint256 hashes = g.hashes;
        uint256 size = 32 * g.count;
        bytes32 typeHash = STATEMENT_TYPEHASH;
        assembly ("memory-safe") {
            mstore(0, typeHash)
            mstore(32, keccak256(hashes, size))
            hash := keccak256(0, 64)
        }
        if (g.flags & PAYER_STATEMENT != 0) require(_signedHere(g, g.payer, hash, g.payerSig), BadPayerSig());
        if (g.flags & PROVIDER_STATEMENT != 0) {
            require(_signedHere(g, l.provider, hash, g.providerSig), BadProviderSig());
        }
    }

    function _readOrder(OrderWords memory o, LeaseWords memory l, uint256 p) private pure {
        assembly ("memory-safe") {
            let tenant := shr(96, calldataload(add(p, 32)))
            let w := calldataload(add(p, 52)) // rate 16 | maxRate 16
            let rate := shr(128, w)
            mstore(add(o, 0x20), tenant)
            mstore(add(o, 0x40), calldataload(p)) // group
            mstore(add(o, 0x60), and(w, 0xffffffffffffffffffffffffffffffff))
            mstore(add(l, 0x40), tenant)
            mstore(add(l, 0xc0), rate)
            mstore(add(l, 0xe0), div(add(mul(rate, mload(add(o, 0x80))), 9999), 10000))
            w := calldataload(add(p, 84)) // nonce 8 | deposit 12 | openBy 4
            mstore(add(o, 0x180), shr(192, w))
            let x := and(shr(96, w), 0xffffffffffffffffffffffff)
            mstore(add(o, 0xa0), x)
            mstore(add(l, 0x100), x)
            x := and(shr(64, w), 0xffffffff)
            mstore(add(o, 0xc0), x)
            mstore(add(l, 0x120), x)
        }
    }

    function _readVoucher(LeaseWords memory l, VoucherWords memory v, uint256 baseBps, uint256 p) private pure {
        assembly ("memory-safe") {
            let rate := shr(128, calldataload(add(p, 52)))
            let w := calldataload(add(p, 68)) // deposit 12 | openBy 4 | amount 12 | upTo 4
            mstore(add(l, 0x20), calldataload(p)) // order
            mstore(add(l, 0x40), shr(96, calldataload(add(p, 32)))) // tenant
            mstore(add(l, 0xc0), rate)
            mstore(add(l, 0xe0), div(add(mul(rate, baseBps), 9999), 10000))
            mstore(add(l, 0x100), shr(160, w))
            mstore(add(l, 0x120), and(shr(128, w), 0xffffffff))
            mstore(add(v, 0x20), keccak256(l, 416))
            mstore(add(v, 0x40), and(shr(32, w), 0xffffffffffffffffffffffff))
            mstore(add(v, 0x60), and(w, 0xffffffff))
        }
    }

    function _wordAt(uint256 p) private pure returns (bytes32 w) {
        assembly ("memory-safe") {
            w := calldataload(p)
        }
    }

    function _addressAt(uint256 p) private pure returns (address) {
        return address(uint160(uint256(_wordAt(p)) >> 96));
    }

    /// @dev Is there a signature of `who` at `p`?
    function _signedHere(Group memory g, address who, bytes32 structHash, uint256 p) private view returns (bool) {
        return _same(_recover(g, structHash, p), who);
    }

    /// @dev Who signed this at `p`; nobody: zero.
    function _recover(Group memory g, bytes32 structHash, uint256 p) private view returns (address signer) {
        uint256 most = MAX_S;
        assembly ("memory-safe") {
            let m := mload(0x40)
            let vs := calldataload(add(p, 32))
            let s := shr(1, shl(1, vs))
            mstore(m, hex"1901")
            mstore(add(m, 2), mload(add(g, 0x60))) // separator
            mstore(add(m, 34), structHash)
            mstore(m, keccak256(m, 66))
            mstore(add(m, 32), add(27, shr(255, vs)))
            mstore(add(m, 64), calldataload(p))
            mstore(add(m, 96), s)
            mstore(0, 0)
            // Answers nothing for what is no signature: the word stays zero.
            if iszero(gt(s, most)) { pop(staticcall(gas(), 1, m, 128, 0, 32)) }
            signer := mload(0)
        }
    }

    // ------------------------------------------------------------------
    // Events of groups.

    /// @dev Memory of `size` bytes, not cleared.
    function _reserve(uint256 size) private pure returns (uint256 p) {
        assembly ("memory-safe") {
            p := mload(0x40)
            mstore(0x40, add(p, and(add(size, 31), not(31))))
        }
    }

    /// @dev Room for an event: feeBps, offset, length, `size` bytes of leases, and padding.
    function _logAt(uint256 size) private pure returns (uint256) {
        unchecked { // a group is at most 2^16 entries
            return _reserve(96 + size + 64) + 96;
        }
    }

    function _logOpened(Group memory g, LeaseWords memory l, bytes32 id) private pure {
        uint256 log = g.log;
        unchecked {
            g.log = log + 112;
        }
        assembly ("memory-safe") {
            mstore(log, id)
            mstore(add(log, 32), mload(add(l, 0x20))) // order
            mstore(add(log, 64), or(shl(96, mload(add(l, 0x40))), shr(32, mload(add(l, 0xc0))))) // tenant, rate
            mstore(add(log, 84), or(shl(128, mload(add(l, 0xc0))), shl(32, mload(add(l, 0x100))))) // rate, deposit
        }
    }

    function _logSettled(Group memory g, bytes32 id, Lock memory lock, uint256 moved) private pure {
        uint256 log = g.log;
        uint256 how = lock.paid << 160 | moved << 64 | lock.upTo << 32;
        assembly ("memory-safe") {
            mstore(log, id)
            mstore(add(log, 32), how)
            log := add(log, 60)
        }
        g.log = log;
    }

    /// @dev Says what a group did, and credits provider and auctioneer with what it added up to.
    function _emit(LeaseWords memory l, Group memory g, bytes32 topic) private {
        uint256 first = g.logged;
        uint256 size;
        unchecked { // the log only grows
            size = g.log - first;
        }
        if (size == 0) return;
        assembly ("memory-safe") {
            mstore(sub(first, 96), mload(add(l, 0x180))) // feeBps
            mstore(sub(first, 64), 64) // where the bytes begin
            mstore(sub(first, 32), size)
            mstore(add(first, size), 0) // padding
            log3(
                sub(first, 96),
                add(96, and(add(size, 31), not(31))),
                topic,
                mload(add(l, 0x60)), // provider
                mload(add(l, 0x80)) // auctioneer
            )
        }
        if (g.credited != 0) _credit(l.provider, g.credited);
        if (g.fees != 0) _credit(l.auctioneer, g.fees);
    }

    // ------------------------------------------------------------------
    // Moves.

    function _credit(address who, uint256 amount) private {
        Word storage account = accounts[who];
        uint256 was = account.bits;

        unchecked { // an amount is the sum of at most 2^16 of 96 bits
            // Cannot fail for a token that keeps its sums, see `_deposit`.
            require(uint96(was) + amount <= MAX_AMOUNT, BadToken());
            account.bits = was + amount;
        }
    }

    function _debit(address who, uint256 amount) private {
        Word storage account = accounts[who];
        uint256 was = account.bits;

        require(uint96(was) >= amount, NoFunds());
        unchecked {
            account.bits = was - amount;
        }
    }

    function _nonceUsed(address tenant, uint256 account, uint256 nonce) private view returns (bool) {
        if (nonce > type(uint32).max) return nonces[tenant][nonce >> 8] >> (nonce & 255) & 1 != 0;
        uint256 top = uint32(account >> 96);
        if (nonce > top) return false;
        unchecked {
            return top - nonce > 127 || account >> (128 + top - nonce) & 1 != 0;
        }
    }

    /// @dev The account with the nonce used; one of the others is stored at once.
    function _useNonce(address tenant, uint256 account, uint256 nonce) private returns (uint256) {
        if (nonce > type(uint32).max) {
            nonces[tenant][nonce >> 8] |= 1 << (nonce & 255);
            return account;
        }
        uint256 top = uint32(account >> 96);
        uint256 used = account >> 128;
        unchecked { // top is at least the nonce, when it has been made so
            if (nonce > top) {
                used <<= nonce - top; // what falls off the far end is used for ever
                top = nonce;
            }
            return (used | 1 << (top - nonce)) << 128 | top << 96 | uint96(account);
        }
    }

    function _freeNonce(address tenant, uint256 account, uint256 nonce) private returns (uint256) {
        if (nonce > type(uint32).max) {
            nonces[tenant][nonce >> 8] &= ~(1 << (nonce & 255));
            return account;
        }
        uint256 top = uint32(account >> 96);
        return top - nonce > 127 ? account : account & ~(1 << (128 + top - nonce));
    }

    function _deposit(address to, uint96 amount) private {
        require(to != address(0), BadRecipient());
        uint256 before = token.balanceOf(address(this));
        // transferFrom(address,address,uint256), from the sender only
        _callToken(abi.encodeWithSelector(0x23b872dd, msg.sender, address(this), amount));
        uint256 held = token.balanceOf(address(this));
        uint256 arrived = held - before;
        // All that is owed is held, so no sum of ours can leave its 96 bits.
        require(held <= MAX_AMOUNT, BadToken());
        _credit(to, arrived);
        emit Deposited(to, msg.sender, uint96(arrived));
    }

    /// @dev Tokens answer true, nothing, or false; the last is a failure.
    function _callToken(bytes memory question) private {
        address to = address(token);
        bool done;

        assembly ("memory-safe") {
            mstore(0, 1) // stays if nothing is answered
            done := call(gas(), to, 0, add(question, 32), mload(question), 0, 32)
            let size := returndatasize()
            done := and(done, and(eq(mload(0), 1), or(iszero(size), gt(size, 31))))
        }
        require(done, BadToken());
    }

    /// @dev Has the token this view of an address?
    function _answers(address token_, string memory signature) private view returns (bool) {
        (bool done, bytes memory answer) = token_.staticcall(abi.encodeWithSignature(signature, address(this)));

        return done && answer.length >= 32;
    }

    /// @dev Both signed by `who`, and not the same.
    function _contradicts(address who, bytes32 a, bytes32 b, Sig calldata sigA, Sig calldata sigB) private view {
        require(a != b, NoOffence());
        require(_same(_recover(digest(a), sigA.r, sigA.vs), who), BadProviderSig());
        require(_same(_recover(digest(b), sigB.r, sigB.vs), who), BadProviderSig());
    }

    function _slash(address who, address tenant, bytes32 subject, uint256 deposited) private {
        bytes32 offence = keccak256(abi.encode(who, subject));
        Bond storage b = bonds[who];
        uint256 amount = _min(b.amount, 2 * deposited);

        require(!slashed[offence], AlreadySlashed());
        require(amount != 0, NoBond());
        slashed[offence] = true;
        b.amount -= uint96(amount);
        if (b.leaving > b.amount) b.leaving = b.amount;
        uint256 half = amount / 2;
        _credit(tenant, half);
        _credit(BURNT, amount - half);
        emit Slashed(who, tenant, subject, uint96(half), uint96(amount - half));
    }

    // ------------------------------------------------------------------
    // Finding, hashing, recovering.

    /// @dev A lease that is running or stopped, or why not.
    function _load(bytes32 id, Lock memory lock) private view returns (bytes4) {
        uint256 w = locks[id].bits;

        assembly ("memory-safe") {
            mstore(lock, shr(161, shl(1, w))) // deposit
            mstore(add(lock, 0x20), shr(160, shl(96, w))) // paid
            mstore(add(lock, 0x40), and(shr(32, w), 0xffffffff)) // upTo
            mstore(add(lock, 0x60), and(w, 0xffffffff)) // mark
            mstore(add(lock, 0x80), shr(255, w)) // keyed
        }
        if (lock.deposit != 0) return 0;
        return w == 0 ? UnknownLease.selector : LeaseEnded.selector;
    }

    function _store(bytes32 id, Lock memory lock) private {
        locks[id].bits = lock.keyed << 255 | lock.deposit << 160 | lock.paid << 64 | lock.upTo << 32 | lock.mark;
    }

    function _live(LeaseWords memory l) private view returns (bytes32 id, Lock memory lock) {
        id = _hashLease(l);
        _must(_load(id, lock));
    }

    function _orderWords(Order calldata order) private pure returns (OrderWords memory o) {
        o.typeHash = ORDER_TYPEHASH;
        o.tenant = order.tenant;
        o.group = order.group;
        o.maxRate = order.maxRate;
        o.baseBps = order.baseBps;
        o.deposit = order.deposit;
        o.openBy = order.openBy;
        o.window = order.window;
        o.launch = order.launch;
        o.auctioneer = order.auctioneer;
        o.cosigner = order.cosigner;
        o.feeBps = order.feeBps;
        o.nonce = order.nonce;
    }

    /// @dev The fields as they were handed in. One that has more bits than its type makes another hash, and under that
    /// no lease was ever opened.
    function _leaseWords(Lease calldata lease) private pure returns (LeaseWords memory l) {
        l.typeHash = LEASE_TYPEHASH;
        assembly ("memory-safe") {
            calldatacopy(add(l, 0x20), lease, 384)
        }
    }

    /// @dev The lease that follows from an order, the provider and the rate.
    function _leaseFrom(OrderWords memory o, address provider, uint256 rate)
        private
        pure
        returns (LeaseWords memory l)
    {
        l.typeHash = LEASE_TYPEHASH;
        l.order = _hashOrder(o);
        l.tenant = o.tenant;
        l.provider = provider;
        l.auctioneer = o.auctioneer;
        l.cosigner = o.cosigner;
        l.rate = rate;
        l.base = (rate * o.baseBps + BPS - 1) / BPS;
        l.deposit = o.deposit;
        l.openBy = o.openBy;
        l.window = o.window;
        l.launch = o.launch;
        l.feeBps = o.feeBps;
    }

    function _hashOrder(OrderWords memory o) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            hash := keccak256(o, 416)
        }
    }

    function _hashLease(LeaseWords memory l) private pure returns (bytes32 id) {
        assembly ("memory-safe") {
            id := keccak256(l, 416)
        }
    }

    function _hashVoucher(VoucherWords memory v) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            hash := keccak256(v, 128)
        }
    }

    function _awardHash(LeaseWords memory l, bytes32 record) private pure returns (bytes32) {
        return keccak256(abi.encode(AWARD_TYPEHASH, l.order, l.provider, l.rate, record));
    }

    function _releaseHash(bytes32 id, uint256 amount) private pure returns (bytes32 hash) {
        bytes32 typeHash = RELEASE_TYPEHASH;
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, typeHash)
            mstore(add(p, 32), id)
            mstore(add(p, 64), amount)
            hash := keccak256(p, 96)
        }
    }

    function _separator() private view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("Gavel"), keccak256("1"), block.chainid, address(this))
        );
    }

    /// @dev Who stands behind a voucher handed in alone.
    function _payerOf(LeaseWords memory l, bytes32 structHash, bytes calldata sig) private view returns (address) {
        if (sig.length == 0) return msg.sender;
        if (_consents(l.tenant, structHash, sig)) return l.tenant;
        return sig.length == 64 ? _recover(digest(structHash), bytes32(sig[:32]), bytes32(sig[32:])) : address(0);
    }

    /// @dev `who` sends, or signed as a plain account, or is a wallet that says it signed. Accounts that have both
    /// code and a key (EIP-7702) may use either.
    function _consents(address who, bytes32 structHash, bytes calldata sig) private view returns (bool) {
        if (who == msg.sender) return true;
        bytes32 hash = digest(structHash);
        if (sig.length == 64) {
            if (_same(_recover(hash, bytes32(sig[:32]), bytes32(sig[32:])), who)) return true;
        }
        if (who.code.length == 0) return false;
        bytes memory question = abi.encodeWithSelector(0x1626ba7e, hash, sig); // isValidSignature(bytes32,bytes)
        bytes32 answer;
        // At most so much gas, and one word of whatever it answers.
        uint256 most = WALLET_GAS;
        assembly ("memory-safe") {
            mstore(0, 0)
            if staticcall(most, who, add(question, 32), mload(question), 0, 32) {
                if gt(returndatasize(), 31) { answer := mload(0) }
            }
        }
        return answer == bytes32(bytes4(0x1626ba7e));
    }

    /// @dev What recovers to nobody is nobody's signature.
    function _same(address signer, address who) private pure returns (bool) {
        return signer == who && who != address(0);
    }

    /// @dev Zero for what is no signature, or the mirror of one.
    function _recover(bytes32 hash, bytes32 r, bytes32 vs) internal pure returns (address) {
        uint256 s = uint256(vs) & type(uint256).max >> 1;

        if (s > MAX_S) return address(0);
        return ecrecover(hash, uint8(27 + (uint256(vs) >> 255)), r, bytes32(s));
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    /// @dev Ends the call with an error that has no arguments.
    function _must(bytes4 reason) private pure {
        if (reason == 0) return;
        assembly ("memory-safe") {
            mstore(0, reason)
            revert(0, 4)
        }
    }
}
