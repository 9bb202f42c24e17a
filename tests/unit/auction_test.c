/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auction.h: the properties that make bidding one's cost the best bid, on random
 * instances and, where small enough, over every case of a grid.
 */
#include "lease/auction.h"

#include "tests/unit/tap.h"

static uint64_t dice = 88172645463325252u;

static uint64_t
roll(uint64_t below)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % below;
}

static struct address
address_of(unsigned n)
{
	struct address a = { { 0 } };

	a.b[18] = (uint8_t)(n >> 8);
	a.b[19] = (uint8_t)n;
	return a;
}

static struct auction_order
random_order(void)
{
	struct auction_order o = { .round = roll(9),
				   .max = { 1000000 },
				   .care_hours = (uint32_t)roll(5),
				   .tenant_owner = address_of(9999) };

	for (unsigned i = 0; i < 32; i++)
		o.order.b[i] = (uint8_t)roll(256);
	return o;
}

/* Floors from a small range, so that ties come up. */
static struct auction_bid
random_bid(unsigned provider, bool established)
{
	struct auction_bid b = { .provider = address_of(provider),
				 .owner = address_of(provider),
				 .sets_prices = established,
				 .launches = (uint32_t)roll(300),
				 .failures = (uint32_t)roll(12) };

	b.floor.nano = 50 + roll(60);
	b.list.nano = b.floor.nano + roll(80);
	return b;
}

#define BIDS 8
static struct auction_bid bids[BIDS + 1];
static struct auction_outcome out, other;

static size_t
random_round(struct auction_order *o, bool mixed)
{
	size_t n = 1 + roll(BIDS);

	*o = random_order();
	for (unsigned i = 0; i < n; i++) {
		bids[i] = random_bid(i + 1, !mixed || roll(4) != 0);
		if (mixed && i > 0 && roll(4) == 0)
			bids[i].owner = bids[roll(i)].owner;
		if (mixed && roll(20) == 0)
			bids[i].owner = o->tenant_owner;
		if (mixed && roll(20) == 0)
			bids[i].list.nano = 1;
	}
	return n;
}

#define ROUNDS 20000

/* Property 1 and 11: the order in which bids stand does not matter. */
static void
test_order_of_bids(void)
{
	struct auction_order o;
	unsigned wrong = 0;

	for (int round = 0; round < ROUNDS; round++) {
		size_t n = random_round(&o, true);
		struct address winner = { { 0 } };

		auction_clear(&o, bids, n, &out);
		if (out.end != AUCTION_NO_BID)
			winner = bids[out.winner].provider;
		for (size_t i = n; i-- > 1;) {
			size_t k = roll(i + 1);
			struct auction_bid swap = bids[i];

			bids[i] = bids[k];
			bids[k] = swap;
		}
		auction_clear(&o, bids, n, &other);
		wrong += other.end != out.end || rate_cmp(other.price, out.price) != 0 ||
			 other.price_by_runner_up != out.price_by_runner_up ||
			 (out.end != AUCTION_NO_BID &&
			  !address_equal(&winner, &bids[other.winner].provider));
	}
	is_int(wrong, 0, "1: the same bids in any order give the same outcome");
}

/* Property 2, and that exactly the winner is told that it won. */
static void
test_bounds(void)
{
	struct auction_order o;
	unsigned wrong = 0, won, ranked;

	for (int round = 0; round < ROUNDS; round++) {
		size_t n = random_round(&o, true);

		o.max.nano = 60 + roll(120);
		auction_clear(&o, bids, n, &out);
		won = ranked = 0;
		for (size_t i = 0; i < n; i++) {
			won += out.reasons[i] == BID_WON;
			ranked += out.rank[i] != 0;
			wrong += (out.rank[i] == 0) !=
				 (out.reasons[i] == BID_INVALID || out.reasons[i] == BID_OWN_ORDER);
		}
		wrong += won != (out.end == AUCTION_AWARDED);
		wrong += (ranked == 0) != (out.end == AUCTION_NO_BID);
		if (out.end == AUCTION_AWARDED)
			wrong += rate_cmp(out.price, bids[out.winner].floor) < 0 ||
				 rate_cmp(out.price, bids[out.winner].list) > 0 ||
				 rate_cmp(out.price, o.max) > 0 ||
				 out.reasons[out.winner] != BID_WON;
		if (out.end == AUCTION_ABOVE_MAX)
			wrong += rate_cmp(out.price, o.max) <= 0 ||
				 out.reasons[out.winner] != BID_PRICE_ABOVE_MAX;
	}
	is_int(wrong, 0, "2: floor <= price <= list, price <= maximum, every bid has its reason");
}

/* Property 4: the maximum takes the price or leaves it, and never makes it. */
static void
test_maximum(void)
{
	struct auction_order o;
	unsigned wrong = 0;

	for (int round = 0; round < ROUNDS; round++) {
		size_t n = random_round(&o, true);

		auction_clear(&o, bids, n, &out);
		if (out.end != AUCTION_AWARDED)
			continue;
		o.max.nano = out.price.nano + roll(500);
		auction_clear(&o, bids, n, &other);
		wrong += other.end != AUCTION_AWARDED || other.winner != out.winner ||
			 rate_cmp(other.price, out.price) != 0;
		o.max.nano = out.price.nano - 1;
		auction_clear(&o, bids, n, &other);
		wrong += other.end != AUCTION_ABOVE_MAX || other.winner != out.winner ||
			 rate_cmp(other.price, out.price) != 0;
	}
	is_int(wrong, 0, "4: the maximum never sets a price nor chooses a winner");
}

/* Property 5: over a whole grid, no floor gains more than the true cost. */
static void
test_truth(void)
{
	struct auction_order o = random_order();
	unsigned wrong = 0, cases = 0;
	const u128 list = 9;

	o.care_hours = 0;
	for (unsigned i = 0; i < 3; i++)
		bids[i] = (struct auction_bid){ .provider = address_of(i + 1),
						.owner = address_of(i + 1),
						.sets_prices = true };
	for (u128 cost = 1; cost <= 7; cost++)
		for (u128 floor = 1; floor <= list; floor++)
			for (u128 r1 = 1; r1 <= 9; r1++)
				for (u128 r2 = 1; r2 <= 9; r2++) {
					long long honest = 0, tried = 0;

					bids[0].list.nano = list;
					bids[1].floor.nano = r1;
					bids[2].floor.nano = r2;
					bids[1].list.nano = bids[2].list.nano = 12;
					bids[0].floor.nano = cost;
					auction_clear(&o, bids, 3, &out);
					if (out.end == AUCTION_AWARDED && out.winner == 0)
						honest =
							(long long)out.price.nano - (long long)cost;
					bids[0].floor.nano = floor;
					auction_clear(&o, bids, 3, &other);
					if (other.end == AUCTION_AWARDED && other.winner == 0)
						tried = (long long)other.price.nano -
							(long long)cost;
					wrong += tried > honest || honest < 0;
					cases++;
				}
	is_int(cases, 7 * 9 * 81, "5: every cost, floor and pair of rivals of the grid");
	is_int(wrong, 0, "5: no floor gains more than the true cost");
}

/* Properties 6 and 8: the winner's floor decides whether, not how much. */
static void
test_floor_of_winner(void)
{
	struct auction_order o;
	unsigned wrong_price = 0, wrong_loss = 0, tried = 0;

	for (int round = 0; round < ROUNDS; round++) {
		size_t n = random_round(&o, false), w;
		u128 bound;

		auction_clear(&o, bids, n, &out);
		if (!out.price_by_runner_up)
			continue;
		w = out.winner;
		tried++;
		bound = out.effective[out.runner_up].nano * 10000 /
			auction_weight(bids[w].launches, bids[w].failures, o.care_hours);
		bids[w].floor.nano = 1 + roll((uint64_t)bids[w].floor.nano);
		auction_clear(&o, bids, n, &other);
		wrong_price += other.winner != w || rate_cmp(other.price, out.price) != 0;
		bids[w].floor.nano = bound + 1;
		bids[w].list.nano = MAX(bids[w].list.nano, bound + 1);
		auction_clear(&o, bids, n, &other);
		wrong_loss += other.winner == w;
	}
	ok(tried > ROUNDS / 4, "6, 8: enough rounds had a runner-up");
	is_int(wrong_price, 0, "6: a lower floor of the winner changes no price");
	is_int(wrong_loss, 0, "8: a floor above the runner-up's bound loses");
}

static u128
weighted(const struct auction_order *o, const struct auction_outcome *x)
{
	const struct auction_bid *b = &bids[x->winner];

	return x->price.nano * auction_weight(b->launches, b->failures, o->care_hours);
}

/* Property 7: more offers never cost the tenant more, fewer never less. A list
 * price that binds would hide the rule, so lists are high here. */
static void
test_competition(void)
{
	struct auction_order o;
	unsigned wrong_add = 0, wrong_drop = 0;

	for (int round = 0; round < ROUNDS; round++) {
		size_t n = random_round(&o, false), loser;

		if (n < 2)
			continue;
		for (size_t i = 0; i < n; i++)
			bids[i].list.nano = 100000;
		auction_clear(&o, bids, n, &out);
		loser = roll(n);
		if (loser != out.winner) {
			struct auction_bid gone = bids[loser];
			u128 before = weighted(&o, &out);

			bids[loser].floor.nano = 0; /* takes no part */
			auction_clear(&o, bids, n, &other);
			wrong_drop += weighted(&o, &other) < before;
			bids[loser] = gone;
		}
		bids[n] = random_bid(100, true);
		bids[n].list.nano = 100000;
		auction_clear(&o, bids, n + 1, &other);
		/* Prices are whole numbers: up to one unit of price is rounding. */
		wrong_add += weighted(&o, &other) > weighted(&o, &out) + 20000;
	}
	is_int(wrong_add, 0, "7: one more offer never raises the effective price");
	is_int(wrong_drop, 0, "7: without a loser it never falls");
}

/* Joint profit of the first `names` bids, which all cost the same. */
static long long
joint_profit(size_t names, size_t count, long long cost)
{
	struct auction_order o = { .round = 1, .max = { 1000 } };

	auction_clear(&o, bids, count, &out);
	return out.end == AUCTION_AWARDED && out.winner < names ? (long long)out.price.nano - cost
								: 0;
}

/* Property 9: over a grid, two names with any floors and lists gain no more together than
 * one name with the true floor and the best list price. */
static void
test_two_names(void)
{
	enum { TOP = 6 };
	unsigned wrong = 0, cases = 0, gains = 0;

	for (unsigned k = 0; k < 3; k++)
		bids[k] = (struct auction_bid){ .provider = address_of(k + 1),
						.owner = address_of(k + 1),
						.sets_prices = true };
	for (u128 cost = 1; cost <= 4; cost++)
		for (u128 rival = 1; rival <= TOP; rival++) {
			long long best = 0;

			bids[1].floor.nano = rival;
			bids[1].list.nano = TOP + 1;
			bids[0].floor.nano = cost;
			for (bids[0].list.nano = cost; bids[0].list.nano <= TOP + 2;
			     bids[0].list.nano++)
				best = MAX(best, joint_profit(1, 2, (long long)cost));
			bids[2].floor.nano = rival;
			bids[2].list.nano = TOP + 1;
			for (unsigned f = 0; f < TOP * TOP * TOP * TOP; f++) {
				bids[0].floor.nano = 1 + f % TOP;
				bids[1].floor.nano = 1 + f / TOP % TOP;
				bids[0].list.nano = bids[0].floor.nano + f / TOP / TOP % TOP;
				bids[1].list.nano = bids[1].floor.nano + f / TOP / TOP / TOP;
				wrong += joint_profit(2, 3, (long long)cost) > best;
				gains += joint_profit(2, 3, (long long)cost) > 0;
				cases++;
			}
		}
	ok(gains > cases / 20, "9: two names gained something %u times of %u", gains, cases);
	is_int(wrong, 0, "9: never more than one name with its best list price");
}

/* Property 12: equal bids each win their share, chi-square at 0.1 %. */
static void
test_ties(void)
{
	static const double limit[] = { 0, 0, 10.83, 13.82, 16.27, 18.47 };
	enum { DRAWS = 100000 };

	for (size_t k = 2; k <= 5; k++) {
		unsigned wins[5] = { 0 };
		double chi = 0, want = (double)DRAWS / (double)k;

		for (unsigned i = 0; i < k; i++) {
			bids[i] = random_bid(i + 1, true);
			bids[i].floor.nano = 70;
			bids[i].list.nano = 90;
			bids[i].launches = bids[i].failures = 0;
		}
		for (int draw = 0; draw < DRAWS; draw++) {
			struct auction_order o = random_order();

			auction_clear(&o, bids, k, &out);
			wins[out.winner]++;
		}
		for (size_t i = 0; i < k; i++)
			chi += ((double)wins[i] - want) * ((double)wins[i] - want) / want;
		ok(chi < limit[k], "12: each of %zu equal bids wins its share", k);
	}
}

/* One owner's keys, newcomers, the tenant's own: by example. */
static void
test_examples(void)
{
	static const struct {
		const char *what;
		unsigned owner[3];
		u128 floor[3], list[3];
		bool established[3];
		u128 max;
		enum auction_end end;
		size_t winner;
		u128 price;
		enum auction_reason reasons[3];
	} cases[] = {
		{ "the runner-up's floor is the price",
		  { 1, 2, 3 },
		  { 50, 60, 70 },
		  { 99, 99, 99 },
		  { true, true, true },
		  100,
		  AUCTION_AWARDED,
		  0,
		  60,
		  { BID_WON, BID_DEARER, BID_DEARER } },
		{ "never above the winner's list",
		  { 1, 2, 3 },
		  { 50, 60, 70 },
		  { 55, 99, 99 },
		  { true, true, true },
		  100,
		  AUCTION_AWARDED,
		  0,
		  55,
		  { BID_WON, BID_DEARER, BID_DEARER } },
		{ "an owner does not price itself",
		  { 1, 1, 3 },
		  { 50, 60, 70 },
		  { 99, 99, 99 },
		  { true, true, true },
		  100,
		  AUCTION_AWARDED,
		  0,
		  70,
		  { BID_WON, BID_OUTRANKED, BID_DEARER } },
		{ "alone one is paid one's list",
		  { 1, 1, 1 },
		  { 50, 60, 70 },
		  { 80, 99, 99 },
		  { true, true, true },
		  100,
		  AUCTION_AWARDED,
		  0,
		  80,
		  { BID_WON, BID_OUTRANKED, BID_OUTRANKED } },
		{ "the tenant's own takes no part",
		  { 9999, 2, 3 },
		  { 10, 60, 70 },
		  { 99, 99, 99 },
		  { true, true, true },
		  100,
		  AUCTION_AWARDED,
		  1,
		  70,
		  { BID_OWN_ORDER, BID_WON, BID_DEARER } },
		{ "a newcomer's floor outranks nobody",
		  { 1, 2, 3 },
		  { 50, 60, 1 },
		  { 99, 99, 61 },
		  { true, true, false },
		  100,
		  AUCTION_AWARDED,
		  0,
		  60,
		  { BID_WON, BID_DEARER, BID_DEARER } },
		{ "a newcomer wins by its list, and is paid it",
		  { 1, 2, 3 },
		  { 50, 60, 1 },
		  { 99, 99, 55 },
		  { true, true, false },
		  100,
		  AUCTION_AWARDED,
		  2,
		  55,
		  { BID_DEARER, BID_DEARER, BID_WON } },
		{ "above the maximum",
		  { 1, 2, 3 },
		  { 50, 60, 70 },
		  { 99, 99, 99 },
		  { true, true, true },
		  59,
		  AUCTION_ABOVE_MAX,
		  0,
		  60,
		  { BID_PRICE_ABOVE_MAX, BID_DEARER, BID_DEARER } },
		{ "bids that are none",
		  { 1, 2, 9999 },
		  { 0, 60, 70 },
		  { 99, 59, 99 },
		  { true, true, true },
		  100,
		  AUCTION_NO_BID,
		  0,
		  0,
		  { BID_INVALID, BID_INVALID, BID_OWN_ORDER } },
	};

	for (size_t c = 0; c < NELEMS(cases); c++) {
		struct auction_order o = random_order();

		o.care_hours = 0;
		o.max.nano = cases[c].max;
		for (size_t i = 0; i < 3; i++)
			bids[i] = (struct auction_bid){ .provider = address_of((unsigned)i + 1),
							.owner = address_of(cases[c].owner[i]),
							.floor = { cases[c].floor[i] },
							.list = { cases[c].list[i] },
							.sets_prices = cases[c].established[i] };
		auction_clear(&o, bids, 3, &out);
		ok(out.end == cases[c].end && out.winner == cases[c].winner &&
			   out.price.nano == cases[c].price &&
			   out.reasons[0] == cases[c].reasons[0] &&
			   out.reasons[1] == cases[c].reasons[1] &&
			   out.reasons[2] == cases[c].reasons[2],
		   "%s", cases[c].what);
	}
	auction_clear(&(struct auction_order){ .max = { 1 } }, bids, 0, &out);
	is_int(out.end, AUCTION_NO_BID, "no bid at all");
}

static void
test_weight(void)
{
	static const struct {
		uint32_t launches, failures, care, weight;
	} cases[] = {
		{ 0, 0, 0, 10000 },	     { 0, 0, 1, 10500 },	  { 180, 0, 1, 10050 },
		{ 180, 19, 1, 11000 },	     { 0, 100, 4, 20000 },	  { 500, 0, 4, 10076 },
		{ UINT32_MAX, 0, 4, 10000 }, { 0, UINT32_MAX, 4, 20000 },
	};

	for (size_t i = 0; i < NELEMS(cases); i++)
		is_int(auction_weight(cases[i].launches, cases[i].failures, cases[i].care),
		       cases[i].weight, "weight");
}

int
main(void)
{
	test_order_of_bids();
	test_bounds();
	test_maximum();
	test_truth();
	test_floor_of_winner();
	test_competition();
	test_two_names();
	test_ties();
	test_examples();
	test_weight();
	return tap_done();
}
