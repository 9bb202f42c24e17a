/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head.h: heads as bytes and where they are found, and each lie that a market could
 * tell with a chain of records on one side and transactions on the other.
 */
#include "lease/head.h"

#include "lease/audit.h"
#include "lease/escrow.h"
#include "lease/key.h"
#include "tests/unit/tap.h"

enum { RECORDS = 12, TXS = 6 };

static struct arena arena;
static struct domain domain;
static struct key market, stranger;
static const struct address escrow = { { 0xe5 } };

#include "tests/unit/keys.h"

/* ------------------------------------------------------------------ */
/* Bytes.                                                              */

static void
bytes(void)
{
	struct head h = { .number = 0x0102030405060708u, .record = { { 0xaa, 0xbb } } }, back;
	uint8_t b[HEAD_BYTES], longer[HEAD_BYTES + 1] = { 0 };
	bool refused = true;

	head_write(&h, b);
	ok(memcmp(b, "gavel head 1\1\2\3\4\5\6\7\10\xaa\xbb", 22) == 0, "tag, number, hash");
	ok(head_read(b, sizeof(b), &back) && back.number == h.number &&
		   hash_equal(&back.record, &h.record),
	   "and back");
	memcpy(longer, b, sizeof(b));
	ok(!head_read(longer, sizeof(longer), &back), "a byte more is none");
	ok(!head_read(b, sizeof(b) - 1, &back), "a byte less is none");
	ok(!head_read(b, 0, &back), "nothing is none");
	for (unsigned i = 0; i < 12; i++) {
		b[i] ^= 1;
		refused &= !head_read(b, sizeof(b), &back);
		b[i] ^= 1;
	}
	ok(refused, "every byte of the tag counts");
}

/* A batch as the settler sends it, and `tail` bytes behind it. */
static const uint8_t *
batch_with(const void *tail, size_t len, size_t *total)
{
	struct settlement s = { .voucher = { .amount = { 7 } } };
	struct calldata d = escrow_settle_many(&arena, &s, 1);
	uint8_t *all = arena_alloc(&arena, d.len + len);

	memcpy(all, d.b, d.len);
	memcpy(all + d.len, tail, len);
	*total = d.len + len;
	return all;
}

static void
places(void)
{
	struct head h = { .number = 9, .record = { { 1 } } }, back;
	struct address other = { { 3 } };
	uint8_t b[2 * HEAD_BYTES];
	const uint8_t *d;
	uint8_t *cut;
	size_t len;

	head_write(&h, b);
	head_write(&h, b + HEAD_BYTES);
	ok(head_find(&market.address, &escrow, &market.address, b, HEAD_BYTES, &back), "to itself");
	ok(!head_find(&market.address, &escrow, &other, b, HEAD_BYTES, &back),
	   "not to anybody else");
	ok(!head_find(&market.address, &escrow, &escrow, b, HEAD_BYTES, &back),
	   "bare, not to the escrow");
	d = batch_with(b, HEAD_BYTES, &len);
	ok(head_find(&market.address, &escrow, &escrow, d, len, &back) && back.number == 9,
	   "behind a batch");
	ok(!head_find(&market.address, &escrow, &market.address, d, len, &back),
	   "not behind one to itself");
	ok(!head_find(&market.address, &escrow, &escrow, d, len - HEAD_BYTES, &back),
	   "a batch alone has none");
	d = batch_with(b, 2 * HEAD_BYTES, &len);
	ok(!head_find(&market.address, &escrow, &escrow, d, len, &back), "two are none");
	/* The last bytes of the batch itself look like one. */
	d = batch_with(b, 0, &len);
	cut = arena_copy(&arena, d, len);
	memcpy(cut + len - HEAD_BYTES, b, HEAD_BYTES);
	ok(!head_find(&market.address, &escrow, &escrow, cut, len, &back),
	   "inside the batch it is none");
	d = batch_with(b, HEAD_BYTES, &len);
	cut = arena_copy(&arena, d, len);
	cut[4 + 32 + 31] ^= 0x40;
	ok(!head_find(&market.address, &escrow, &escrow, cut, len, &back),
	   "a batch of another length");
	cut = arena_copy(&arena, d, len);
	cut[4 + 31] ^= 0x40;
	ok(!head_find(&market.address, &escrow, &escrow, cut, len, &back),
	   "an argument of another form");
	cut = arena_copy(&arena, d, len);
	memset(cut + 4 + 32, 0xff, 32);
	ok(!head_find(&market.address, &escrow, &escrow, cut, len, &back),
	   "a length beyond all measure");
	ok(!head_find(&market.address, &escrow, &escrow, b, 3, &back), "next to nothing");
}

/* ------------------------------------------------------------------ */
/* A market.                                                           */

struct stage {
	struct heads h;
	struct record records[RECORDS];
	struct head_tx txs[TXS];
};

static void
sign_from(struct stage *s, size_t from)
{
	for (size_t i = from; i < RECORDS; i++) {
		struct record *r = &s->records[i];
		struct hash h, digest;

		if (i > 0)
			r->terms.previous = record_hash(&s->records[i - 1].terms);
		h = record_hash(&r->terms);
		digest = terms_digest(&domain, &h);
		key_sign(&market, &digest, &r->sig);
	}
}

static void
anchor(struct stage *s, size_t tx, size_t record)
{
	s->txs[tx].carries = true;
	s->txs[tx].number = s->records[record].terms.number;
	s->txs[tx].record = record_hash(&s->records[record].terms);
}

/* Records 20..31, a second apart; heads of 20, 24 and 30 among six transactions. */
static void
honest(struct stage *s)
{
	*s = (struct stage){ .h = { .domain = &domain,
				    .market = market.address,
				    .tx_count = TXS,
				    .record_count = RECORDS,
				    .every_s = 5 } };
	s->h.txs = s->txs;
	s->h.records = s->records;
	for (size_t i = 0; i < RECORDS; i++) {
		struct record_terms *t = &s->records[i].terms;

		t->number = 20 + i;
		t->time = 1000000 + 1000 * i;
		t->orders = t->outcomes = t->keys = t->book = t->capacity = t->reputation =
			record_root(&arena, NULL, 0);
	}
	sign_from(s, 0);
	for (size_t i = 0; i < TXS; i++)
		s->txs[i] = (struct head_tx){ .nonce = 7 + i,
					      .at = 1000 + 2 * i,
					      .tx = { { (uint8_t)(0x70 + i) } } };
	anchor(s, 0, 0);
	anchor(s, 2, 4);
	anchor(s, 5, 10);
}

static void
judged(struct stage *s, const struct code *want, const char *says, const char *what)
{
	struct heads_told told;
	struct err e = ERR_NONE;
	int rc = heads_audit(&s->h, &told, &e);

	if (!ok(rc < 0 && e.code == want && strstr(e.text, says) != NULL, "%s", what))
		printf("#   %s: %s\n", rc < 0 ? e.code->name : "believed", e.text);
}

static void
lies(void)
{
	struct stage s;

	honest(&s);
	s.txs[2].record.b[0] ^= 1;
	judged(&s, &HEAD_DIFFERS, "record 24 is another on the chain (nonce 9", "another hash");
	honest(&s);
	s.records[4].terms.time += 1;
	sign_from(&s, 4);
	judged(&s, &HEAD_DIFFERS, "record 24", "a history written anew, signed and chained");
	honest(&s);
	s.records[3].terms.orders.b[0] ^= 1;
	sign_from(&s, 3);
	judged(&s, &HEAD_DIFFERS, "record 24", "a lie before a head is found at the head");
	honest(&s);
	s.txs[2].number = 25;
	judged(&s, &HEAD_DIFFERS, "record 25", "a head under another number");
	honest(&s);
	s.txs[5].number = 32;
	judged(&s, &HEAD_NO_RECORD, "record 32 is on the chain (nonce 12", "a record not shown");
	honest(&s);
	s.h.record_count = 10;
	judged(&s, &HEAD_NO_RECORD, "record 30", "records that end too early");
	honest(&s);
	anchor(&s, 4, 4);
	s.txs[4].record.b[5] ^= 1;
	judged(&s, &HEAD_FORKS, "record 24 is one in", "two histories of one number");
	honest(&s);
	s.txs[0].number = s.txs[3].number = 3;
	s.txs[3].carries = true;
	judged(&s, &HEAD_FORKS, "record 3 is one in", "two of a number that is not shown");
	honest(&s);
	s.txs[3].nonce = 11;
	judged(&s, &HEAD_HIDDEN, "nonce 10 is not shown", "a transaction left out");
	honest(&s);
	s.txs[3].nonce = 9;
	judged(&s, &HEAD_HIDDEN, "nonce 10", "one shown twice instead");
	honest(&s);
	memmove(&s.records[6], &s.records[7], 5 * sizeof(s.records[0]));
	s.h.record_count = RECORDS - 1;
	judged(&s, &AUDIT_CHAIN, "record 27 after record 25", "a record left out");
	honest(&s);
	s.records[6].terms.previous.b[0] ^= 1;
	{
		struct hash h = record_hash(&s.records[6].terms), d = terms_digest(&domain, &h);

		key_sign(&market, &d, &s.records[6].sig);
	}
	judged(&s, &AUDIT_CHAIN, "record 26 names another", "a record of another chain");
	honest(&s);
	s.records[6].terms.time = s.records[5].terms.time;
	sign_from(&s, 6);
	judged(&s, &AUDIT_CHAIN, "record 26 after", "time that stands still");
	honest(&s);
	s.records[6].sig.b[9] ^= 1;
	judged(&s, &AUDIT_SIGNATURE, "record 26", "a record that nobody signed");
	honest(&s);
	s.h.market = stranger.address;
	judged(&s, &AUDIT_SIGNATURE, "record 20", "records of another market");
}

static struct heads_told
believed(struct stage *s, const char *what)
{
	struct heads_told told;
	struct err e = ERR_NONE;

	if (!ok(heads_audit(&s->h, &told, &e) == 0, "%s", what))
		printf("#   %s\n", e.text);
	return told;
}

static void
truths(void)
{
	struct heads_told t;
	struct stage s;

	honest(&s);
	t = believed(&s, "an honest market");
	ok(t.heads == 3 && t.any && t.covered == 30 && !t.late, "three heads, up to record 30");
	anchor(&s, 4, 4);
	t = believed(&s, "the same head twice is none the worse");
	ok(t.heads == 4 && t.covered == 30, "and covers no less");
	honest(&s);
	anchor(&s, 3, 10);
	anchor(&s, 5, 4);
	t = believed(&s, "an older head behind a newer one");
	ok(t.heads == 4 && t.covered == 30, "takes nothing back");
	honest(&s);
	s.txs[0].number = 3;
	(void)believed(&s, "a head before the first record shown");
	s.h.tx_count = 0;
	t = believed(&s, "no transactions");
	ok(!t.any && t.heads == 0, "no heads, and it says so");
	honest(&s);
	s.h.record_count = 0;
	s.h.tx_count = 0;
	t = believed(&s, "nothing at all");
	ok(!t.late, "and nobody waits");
}

/* Of what is told and is no lie: heads that stop. */
static void
waits(void)
{
	struct heads_told t;
	struct stage s;

	honest(&s);
	s.h.now = 100000;
	t = believed(&s, "a market at rest");
	ok(!t.late, "owes nothing, however long it rests");
	s.records[11].terms.orders.b[0] ^= 1;
	sign_from(&s, 11);
	s.h.now = 1011 + 15;
	t = believed(&s, "an order after the last head");
	ok(!t.late, "may wait three times as long as is promised");
	s.h.now++;
	t = believed(&s, "a second more");
	ok(t.late && t.still && t.late_from == 31 && t.late_s == 16, "is told, with the record");
	honest(&s);
	s.records[6].terms.book.b[0] ^= 1; /* and back again */
	sign_from(&s, 6);
	anchor(&s, 5, 10);
	s.txs[5].at = 1006 + 16;
	t = believed(&s, "another book between two heads");
	ok(t.late && !t.still && t.late_from == 26 && t.late_s == 16, "waited for the later one");
	s.txs[5].at--;
	t = believed(&s, "a second less");
	ok(!t.late, "is in time");
	s.h.tx_count = 0;
	s.h.now = 1000 + 16;
	t = believed(&s, "never a head");
	ok(t.late && t.still && t.late_from == 20, "is told from the first record on");
}

static void
stirs(void)
{
	struct hash none = record_root(&arena, NULL, 0);
	struct record_terms a = { .orders = none, .outcomes = none, .keys = none }, b = a;

	b.number = 5;
	b.time = 99;
	ok(!record_stirs(&a, &b), "a heartbeat is not worth a transaction");
	ok(record_stirs(NULL, &b), "the first record is");
	for (unsigned i = 0; i < 6; i++) {
		struct record_terms c = b;
		struct hash *roots[] = { &c.orders, &c.outcomes,   &c.keys,
					 &c.book,   &c.reputation, &c.capacity };

		roots[i]->b[31] ^= 1;
		ok(record_stirs(&a, &c), "root %u of another value is", i);
	}
}

int
main(void)
{
	market = key_number(1);
	stranger = key_number(2);
	domain_init(&domain, 31337, &escrow);
	arena_init(&arena, 0);
	bytes();
	places();
	stirs();
	truths();
	lies();
	waits();
	arena_release(&arena);
	return tap_done();
}
